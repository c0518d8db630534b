-- The faces of some galleries in some blocks of the table, or of none, with how far the second-nearest
-- user was at the last look.
select photo_id, embedding, second_distance, gallery
from photo_faces
where ctid >= format('(%%s,0)', %(first)s::bigint)::tid
    and ctid < format('(%%s,0)', %(end)s::bigint)::tid
    and model = %(model)s and embedding is not null
    and (gallery = any(%(galleries)s::text[]) or (%(without)s and gallery is null))
