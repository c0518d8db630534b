-- What decides how the nearest users are searched: the table's size and its index.
select
    users.reltuples,
    users.relpages,
    pg_relation_size(users.oid) / current_setting('block_size')::integer as pages,
    pg_get_indexdef(index.indexrelid) as definition,
    index.indisvalid and index.indisready as usable,
    pg_relation_size(index.indexrelid) as bytes,
    obj_description(index.indexrelid, 'pg_class') as comment
from pg_class as users
left join pg_index as index
    on index.indrelid = users.oid and index.indexrelid = to_regclass('users_face_search')
where users.oid = to_regclass('users')
