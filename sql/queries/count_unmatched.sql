-- How many faces nobody was found for and have not changed since a moment.
select count(*)
from photo_faces
left join face_matches on face_matches.photo_face_id = photo_faces.id
where face_matches.id is null and photo_faces.updated_at < %(before)s
