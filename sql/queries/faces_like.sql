-- The faces of a gallery, or of none, in some blocks of the table that are as near to a vector as is
-- asked for.
select photo_id, face_index, distance
from (
    select f.photo_id, f.face_index, f.embedding <=> %(vector)b::vector as distance
    from photo_faces as f
    where f.ctid >= format('(%%s,0)', %(first)s::bigint)::tid
        and f.ctid < format('(%%s,0)', %(end)s::bigint)::tid
        and f.embedding is not null and f.model = %(model)s
        and f.gallery is not distinct from %(gallery)s
) as faces
where distance <= %(reach)s
order by distance, photo_id, face_index
limit %(count)s
