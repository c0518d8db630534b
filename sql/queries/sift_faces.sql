-- Of the faces of a gallery in some blocks of the table those that some users are nearer to now than
-- the second-nearest was, and within reach, if there is one. A little is allowed for rounding. There
-- are eight users at most, one by one: a subquery over them costs as much again for each face. The
-- columns that lie behind the vector are read last, of faces within reach only: of all faces that
-- costs a third more.
select distinct photo_id
from photo_faces as f
where ctid >= format('(%%s,0)', %(first)s::bigint)::tid
    and ctid < format('(%%s,0)', %(end)s::bigint)::tid
    and embedding is not null
    -- It lies behind the vector, too: only where some face has one.
    and case
        when (select exists (select from photo_faces where gallery is not null))
        then gallery is not distinct from %(gallery)s::text
        else %(gallery)s::text is null
    end
    and case
        when %(reach)s::float8 is null or least(
            embedding <=> (%(vectors)b::vector[])[1], embedding <=> (%(vectors)b::vector[])[2],
            embedding <=> (%(vectors)b::vector[])[3], embedding <=> (%(vectors)b::vector[])[4],
            embedding <=> (%(vectors)b::vector[])[5], embedding <=> (%(vectors)b::vector[])[6],
            embedding <=> (%(vectors)b::vector[])[7], embedding <=> (%(vectors)b::vector[])[8]
        ) <= %(reach)s::float8 + 1e-6
        then model = %(model)s and least(
            embedding <=> (%(vectors)b::vector[])[1], embedding <=> (%(vectors)b::vector[])[2],
            embedding <=> (%(vectors)b::vector[])[3], embedding <=> (%(vectors)b::vector[])[4],
            embedding <=> (%(vectors)b::vector[])[5], embedding <=> (%(vectors)b::vector[])[6],
            embedding <=> (%(vectors)b::vector[])[7], embedding <=> (%(vectors)b::vector[])[8]
        ) <= coalesce(second_distance, 3) + 1e-6
    end
