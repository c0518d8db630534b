-- A photo's recorded faces, and who is tagged on each.
select
    f.face_index, f.bbox, f.model, f.det_score, f.quality, f.image_ref, f.created_at, f.updated_at,
    m.user_id, m.confidence, f.nearest_user_id, f.nearest_distance, f.second_user_id,
    f.second_distance
from photo_faces as f
left join face_matches as m on m.photo_face_id = f.id
where f.photo_id = %(photo_id)s
order by f.face_index
