-- What is known of a user: whether they are enrolled, and by which photos.
select
    u.id, u.face_embedding_model, u.face_enrolled_at,
    exists (select from face_withdrawals as w where w.user_id = u.id) as withdrawn,
    array(
        select p.sha256 from face_enrolment_photos as p
        where p.user_id = u.id and p.refused is null
        order by p.sha256
    ) as photos
from users as u
where u.id = %(user_id)s
