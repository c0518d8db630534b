-- Whether a user is enrolled already, and whether they have withdrawn.
select
    exists (
        select from users as u where u.id = %(user_id)s and u.face_embedding is not null
    ) as enrolled,
    exists (select from face_withdrawals as w where w.user_id = %(user_id)s) as withdrawn
