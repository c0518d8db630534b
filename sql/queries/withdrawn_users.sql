-- Those of some users who have withdrawn.
select user_id from face_withdrawals where user_id = any(%(user_ids)s::uuid[])
