-- The photos that a user is enrolled by, as far as the vector is still the one made of them.
select p.ref
from face_enrolments as e
join users as u on u.id = e.user_id and u.face_enrolled_at = e.enrolled_at
join face_enrolment_photos as p on p.user_id = e.user_id
where e.user_id = %(user_id)s and p.refused is null
order by p.sha256
