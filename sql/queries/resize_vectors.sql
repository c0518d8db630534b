-- Empty the vector columns and give them another length, before a cut-over fills them again.
-- Indexes on them are made for the old length, also where only an expression says so.
do $$
declare
    old regclass;
begin
    for old in
        -- Once, however often its expressions and its condition name the column.
        select distinct d.objid::regclass
        from pg_depend as d
        join pg_class as c on c.oid = d.objid and c.relkind = 'i'
        join pg_attribute as a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
        where (d.refobjid = 'users'::regclass and a.attname = 'face_embedding')
            or (d.refobjid = 'photo_faces'::regclass and a.attname = 'embedding')
    loop
        execute format('drop index if exists %s', old);
    end loop;
end
$$;
alter table users alter column face_embedding type vector(:dimension) using null;
alter table users alter column face_embedding set storage plain;
alter table photo_faces alter column embedding type vector(:dimension) using null;
alter table photo_faces alter column embedding set storage plain;
