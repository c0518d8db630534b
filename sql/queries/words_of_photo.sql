-- All that was said of a photo.
select user_id, decision, face_index, decided_by, database_role, decided_at
from face_match_decisions
where photo_id = %(photo_id)s
order by decided_at, user_id
