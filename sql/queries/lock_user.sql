-- Wait for every batch that is about to match this user, and let the next ones wait for us: they
-- lock the users they match `for key share`.
select id from users where id = %(id)s for update
