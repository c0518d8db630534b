-- Add users who are enrolled before the platform made rows for them.
insert into users (id, face_embedding, face_embedding_model, face_enrolled_at)
select user_id, embedding, %(model)s, now()
from unnest(%(user_id)s::uuid[], %(embedding)b::vector[]) as input (user_id, embedding)
