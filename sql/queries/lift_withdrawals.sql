-- Some users have agreed again: their photos may be looked at, unless they show somebody else who
-- has withdrawn. Runs after lock_users.sql in the same transaction.
with lifted as (
    delete from face_withdrawals where user_id = any(%(user_ids)s::uuid[])
)
delete from face_withdrawn_photos where user_id = any(%(user_ids)s::uuid[])
