-- Of the faces in some blocks of the table those whose answer some users may change: they were among
-- the two nearest, or are nearer now than the second. A little is allowed for rounding. There are
-- eight users at most, one by one: a subquery over them costs as much again for each face.
select distinct photo_id
from photo_faces as f
where ctid >= format('(%%s,0)', %(first)s::bigint)::tid
    and ctid < format('(%%s,0)', %(end)s::bigint)::tid
    and model = %(model)s
    and (
        least(
            embedding <=> (%(vectors)b::vector[])[1], embedding <=> (%(vectors)b::vector[])[2],
            embedding <=> (%(vectors)b::vector[])[3], embedding <=> (%(vectors)b::vector[])[4],
            embedding <=> (%(vectors)b::vector[])[5], embedding <=> (%(vectors)b::vector[])[6],
            embedding <=> (%(vectors)b::vector[])[7], embedding <=> (%(vectors)b::vector[])[8]
        ) <= least(coalesce(second_distance, 3), %(reach)s::float8) + 1e-6
        or nearest_user_id = any(%(user_ids)s::uuid[])
        or second_user_id = any(%(user_ids)s::uuid[])
    )
    and embedding is not null
