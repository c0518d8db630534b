-- The photos whose faces lie in some blocks of the table and were recorded or changed since a time.
select distinct photo_id
from photo_faces
where ctid >= format('(%%s,0)', %(first)s::bigint)::tid
    and ctid < format('(%%s,0)', %(end)s::bigint)::tid
    and model = %(model)s and embedding is not null
    and updated_at >= coalesce(%(since)s::timestamptz, '-infinity')
