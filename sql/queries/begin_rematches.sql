-- Whoever writes a face from now on has seen these changes. Runs after wait_at_gate.sql.
update face_rematches
set place = 0, file = pg_relation_filenode('photo_faces'),
    blocks = pg_relation_size('photo_faces') / current_setting('block_size')::bigint
where id = any(%(ids)s::bigint[])
