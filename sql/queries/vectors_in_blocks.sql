-- The faces in some blocks of the table, with how far the second-nearest user was at the last look.
select photo_id, embedding, second_distance
from photo_faces
where ctid >= format('(%%s,0)', %(first)s::bigint)::tid
    and ctid < format('(%%s,0)', %(end)s::bigint)::tid
    and model = %(model)s and embedding is not null
