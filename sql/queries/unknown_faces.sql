-- Some recorded faces, as far as there are such: where each is, how good its picture is, and whether
-- somebody is tagged on it or has said whom its photo shows.
select
    f.photo_id, f.face_index, f.gallery, f.image_ref, f.bbox, f.quality,
    exists (select from face_matches as m where m.photo_face_id = f.id)
        or exists (
            select from face_match_decisions as d
            where d.photo_id = f.photo_id and d.decision in ('confirmed', 'nobody')
        ) as settled
from unnest(%(photo_ids)s::uuid[], %(face_indices)s::integer[]) as asked (photo_id, face_index)
join photo_faces as f on f.photo_id = asked.photo_id and f.face_index = asked.face_index
