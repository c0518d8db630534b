-- How far each face is from the one user that it was said to show.
select faces.ord - 1 as face, users.id, users.face_embedding <=> faces.embedding as distance
from unnest(%(embeddings)b::vector[], %(user_ids)s::uuid[])
    with ordinality as faces (embedding, user_id, ord)
join users on users.id = faces.user_id and users.face_embedding_model = %(model)s
    and users.face_embedding is not null
