-- How large the table of faces is, in blocks.
select pg_relation_size('photo_faces') / current_setting('block_size')::bigint
