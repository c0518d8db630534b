-- Of the faces in some blocks of the table those whose answer some users may change: they were among
-- the two nearest, or are nearer now than the second. A little is allowed for rounding.
select distinct photo_id
from photo_faces as f
where ctid >= format('(%%s,0)', %(first)s::bigint)::tid
    and ctid < format('(%%s,0)', %(end)s::bigint)::tid
    and model = %(model)s and embedding is not null
    and (
        nearest_user_id = any(%(user_ids)s::uuid[])
        or second_user_id = any(%(user_ids)s::uuid[])
        or exists (
            select from unnest(%(vectors)b::vector[]) as v (vector)
            where f.embedding <=> v.vector
                <= least(coalesce(second_distance, 3), %(reach)s::float8) + 1e-6
        )
    )
