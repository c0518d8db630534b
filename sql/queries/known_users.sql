-- Which of some users there are.
select id from users where id = any(%(user_ids)s::uuid[])
