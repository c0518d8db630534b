-- In id order, so that two enrolments cannot wait for each other.
select id from users where id = any(%(user_ids)s::uuid[]) order by id for no key update
