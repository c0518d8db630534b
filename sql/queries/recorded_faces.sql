-- The faces of some photos, who is recorded for each, and what each was last compared with.
select
    f.photo_id, f.id, f.face_index, f.gallery, f.model, f.embedding, m.user_id, m.confidence,
    f.nearest_user_id, f.nearest_distance, f.second_user_id, f.second_distance
from photo_faces as f
left join face_matches as m on m.photo_face_id = f.id
where f.photo_id = any(%(photo_ids)s::uuid[])
order by f.photo_id, f.face_index
