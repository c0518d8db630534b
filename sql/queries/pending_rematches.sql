-- What is to be matched again for a contract, photos first; and how old the oldest of it is.
select
    id, user_id, photo_id, since, cause, by, place, blocks, file is not null as begun,
    (
        select extract(epoch from now() - oldest.requested_at)::float8
        from face_rematches as oldest
        where oldest.model is null or oldest.model = %(model)s
        order by oldest.id
        limit 1
    ) as oldest_s
from face_rematches
where model is null or model = %(model)s
order by photo_id is null, id
limit %(most)s
