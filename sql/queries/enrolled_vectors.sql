-- The vectors of some users, as far as they have one of that model.
select id, face_embedding
from users
where id = any(%(user_ids)s::uuid[]) and face_embedding_model = %(model)s
    and face_embedding is not null
