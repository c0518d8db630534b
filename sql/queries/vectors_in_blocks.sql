-- The faces in some blocks of the table, with what they were last compared with.
select photo_id, embedding, nearest_user_id, second_user_id, second_distance
from photo_faces
where ctid >= format('(%%s,0)', %(first)s::bigint)::tid
    and ctid < format('(%%s,0)', %(end)s::bigint)::tid
    and model = %(model)s and embedding is not null
