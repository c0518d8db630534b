-- The photos that users were enrolled by, where their vectors are still the ones made of them, and
-- how many there are: some, of users in no order but always the same one. It reads no vector.
select p.user_id, p.ref, count(*) over () as total
from users as u
join face_enrolments as e on e.user_id = u.id and e.enrolled_at = u.face_enrolled_at
join face_enrolment_photos as p on p.user_id = e.user_id
where u.face_embedding_model = %(model)s and p.refused is null
    and (
        %(gallery)s::text is null
        or exists (
            select from face_gallery_members as m
            where m.gallery = %(gallery)s and m.user_id = u.id
        )
    )
order by md5(p.user_id::text), p.sha256
limit %(most)s
