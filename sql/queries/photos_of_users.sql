-- The photos that some users are tagged on, or that somebody has said something of with their name.
select on_photo_id from face_matches where user_id = any(%(user_ids)s::uuid[])
union
select photo_id from face_match_decisions where user_id = any(%(user_ids)s::uuid[])
