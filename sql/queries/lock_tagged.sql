-- Keep the users who are about to be tagged as they are. A statement of its own, so that the next
-- one sees what the last holder of their rows has done, a withdrawal for example.
select id from users where id = any(%(user_ids)s::uuid[]) order by id for key share
