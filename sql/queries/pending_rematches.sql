-- What is to be matched again for a contract, photos first and so many of each kind: neither hides
-- the other. And how old the oldest of it is.
select
    id, user_id, photo_id, since, cause, by, place, blocks, file is not null as begun, above, upto, gallery,
    (
        select extract(epoch from now() - oldest.requested_at)::float8
        from face_rematches as oldest
        where oldest.model is null or oldest.model = %(model)s
        order by oldest.id
        limit 1
    ) as oldest_s
from (
    (
        select * from face_rematches
        where photo_id is not null
        order by id
        limit %(most)s
    )
    union all
    (
        select * from face_rematches
        where photo_id is null and (model is null or model = %(model)s)
        order by id
        limit %(most)s
    )
) as waiting
order by photo_id is null, id
