-- The platform's own row, and whatever its tables hang on it.
delete from photos where id = %(id)s
