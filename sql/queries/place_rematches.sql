-- As far as the faces were looked through, and where all were: these are done. In a file that is
-- another by now (vacuum full, cluster) they lie elsewhere, so that it begins again.
with placed as (
    update face_rematches
    set place = case when file = pg_relation_filenode('photo_faces') then %(place)s::bigint else 0 end,
        file = pg_relation_filenode('photo_faces')
    where id = any(%(ids)s::bigint[])
        and (%(place)s::bigint < %(total)s::bigint or file is distinct from pg_relation_filenode('photo_faces'))
    returning id
)
delete from face_rematches
where id = any(%(ids)s::bigint[]) and %(place)s::bigint >= %(total)s::bigint
    and file = pg_relation_filenode('photo_faces')
