-- Replace the vectors of a batch of users.
update users
set face_embedding = input.embedding, face_embedding_model = %(model)s, face_enrolled_at = now()
from unnest(%(user_id)s::uuid[], %(embedding)b::vector[]) as input (user_id, embedding)
where users.id = input.user_id
