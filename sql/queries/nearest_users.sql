-- The nearest enrolled users of each face of a batch, like compared with like only. Nobody is looked
-- at where the workers of the contract compare faces in galleries only.
select faces.ord - 1 as face, nearest.user_id, nearest.distance
from unnest(%(embeddings)b::vector[]) with ordinality as faces (embedding, ord)
cross join lateral (
    select users.id as user_id, users.face_embedding <=> faces.embedding as distance
    from users
    where users.face_embedding is not null and users.face_embedding_model = %(model)s
        and not exists (
            select from face_match_limits as l where l.model = %(model)s and l.gallery_required
        )
    -- Of two at the same distance it is always the same one, however the table is read.
    order by users.face_embedding <=> faces.embedding, users.id
    limit %(count)s
) as nearest
order by faces.ord, nearest.distance, nearest.user_id
