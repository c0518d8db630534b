-- The photos that show a user: by a tag, or by somebody's word.
select f.photo_id
from face_matches as m
join photo_faces as f on f.id = m.photo_face_id
where m.user_id = %(id)s
union
select photo_id from face_match_decisions where user_id = %(id)s and decision = 'confirmed'
order by photo_id
