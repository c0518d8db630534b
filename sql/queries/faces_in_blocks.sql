-- The photos whose faces lie in some blocks of the table and were recorded or changed since a time,
-- and whose nearest user lies in a band, or is not known. A little is allowed for rounding.
select distinct photo_id
from photo_faces
where ctid >= format('(%%s,0)', %(first)s::bigint)::tid
    and ctid < format('(%%s,0)', %(end)s::bigint)::tid
    and model = %(model)s and embedding is not null
    and updated_at >= coalesce(%(since)s::timestamptz, '-infinity')
    and (
        %(above)s::float8 is null
        or nearest_distance is null
        or (
            nearest_distance > %(above)s::float8 - 1e-5
            and nearest_distance <= %(upto)s::float8 + 1e-5
        )
    )
