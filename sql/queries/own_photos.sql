-- The photos that a user was offered for enrolment by, but for those of others too.
select p.ref
from face_enrolment_photos as p
where p.user_id = %(id)s
    and not exists (
        select from face_enrolment_photos as other
        where other.ref = p.ref and other.user_id <> p.user_id
    )
