-- The nearest enrolled users of each face of a batch, like compared with like only.
select faces.ord - 1 as face, nearest.user_id, nearest.distance
from unnest(%(embeddings)b::vector[]) with ordinality as faces (embedding, ord)
cross join lateral (
    select users.id as user_id, users.face_embedding <=> faces.embedding as distance
    from users
    where users.face_embedding is not null and users.face_embedding_model = %(model)s
    order by users.face_embedding <=> faces.embedding
    limit %(count)s
) as nearest
order by faces.ord, nearest.distance
