-- The photos that some users are tagged on, that somebody has said something of with their name, or
-- whose face was nearest or second-nearest to them, wherever they are now.
select on_photo_id from face_matches where user_id = any(%(user_ids)s::uuid[])
union
select photo_id from face_match_decisions where user_id = any(%(user_ids)s::uuid[])
union
select photo_id from photo_faces
where nearest_user_id = any(%(user_ids)s::uuid[]) and model = %(model)s
union
select photo_id from photo_faces
where second_user_id = any(%(user_ids)s::uuid[]) and model = %(model)s
