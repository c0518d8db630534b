-- What people have said of a batch's photos.
select photo_id, user_id, decision, face_index
from face_match_decisions
where photo_id = any(%(photo_ids)s::uuid[])
