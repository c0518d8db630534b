-- These are done.
delete from face_rematches where id = any(%(ids)s::bigint[])
