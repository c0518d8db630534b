-- The photos whose faces lie in some blocks of the table, and whose nearest user lies in the band of
-- their gallery (empty: of those without one) or in that of all, or is not known. A little is allowed
-- for rounding.
select distinct f.photo_id
from photo_faces as f
left join unnest(%(galleries)s::text[], %(above)s::float8[], %(upto)s::float8[])
    as band (gallery, above, upto) on band.gallery = coalesce(f.gallery, '')
where f.ctid >= format('(%%s,0)', %(first)s::bigint)::tid
    and f.ctid < format('(%%s,0)', %(end)s::bigint)::tid
    and f.model = %(model)s and f.embedding is not null
    and (
        (
            band.gallery is not null
            and (
                f.nearest_distance is null
                or (f.nearest_distance > band.above - 1e-5 and f.nearest_distance <= band.upto + 1e-5)
            )
        )
        or (
            %(all_above)s::float8 is not null
            and (
                f.nearest_distance is null
                or (
                    f.nearest_distance > %(all_above)s::float8 - 1e-5
                    and f.nearest_distance <= %(all_upto)s::float8 + 1e-5
                )
            )
        )
    )
