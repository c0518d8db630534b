-- As far as the faces were looked through. In a file that is another by now (vacuum full, cluster)
-- they lie elsewhere, so that it begins again.
update face_rematches
set place = case when file = pg_relation_filenode('photo_faces') then %(place)s else 0 end,
    file = pg_relation_filenode('photo_faces')
where id = any(%(ids)s::bigint[])
