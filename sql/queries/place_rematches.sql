-- How far the faces were looked through, and where all were: these are done. In a file that is
-- another by now (vacuum full, cluster) they lie elsewhere, so that it begins again.
with begun_again as (
    update face_rematches
    set place = 0, file = pg_relation_filenode('photo_faces'),
        blocks = pg_relation_size('photo_faces') / current_setting('block_size')::bigint
    where id = any(%(ids)s::bigint[]) and file is distinct from pg_relation_filenode('photo_faces')
),
placed as (
    update face_rematches
    set place = %(place)s
    where id = any(%(ids)s::bigint[]) and file = pg_relation_filenode('photo_faces')
        and blocks > %(place)s
)
delete from face_rematches
where id = any(%(ids)s::bigint[]) and file = pg_relation_filenode('photo_faces')
    and blocks <= %(place)s
