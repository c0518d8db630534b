-- A photo's faces and who is tagged on each.
select f.face_index, m.user_id
from photo_faces as f
left join face_matches as m on m.photo_face_id = f.id
where f.photo_id = %(photo_id)s
order by f.face_index
