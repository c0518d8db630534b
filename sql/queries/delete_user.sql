-- The platform's own row, and whatever its tables hang on it.
delete from users where id = %(id)s
