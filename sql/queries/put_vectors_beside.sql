-- Before a cut-over: keep the vectors in use beside, where they can be had back.
with users_beside as (
    insert into user_embeddings (user_id, model, embedding, enrolled_at)
    select id, coalesce(face_embedding_model, 'unknown'), face_embedding, face_enrolled_at
    from users
    where face_embedding is not null and face_embedding_model is distinct from %(model)s
    on conflict (user_id, model) do update set
        embedding = excluded.embedding, enrolled_at = excluded.enrolled_at
)
insert into photo_face_embeddings (photo_face_id, model, embedding, updated_at)
select id, model, embedding, updated_at
from photo_faces
where embedding is not null and model <> %(model)s
on conflict (photo_face_id, model) do update set
    embedding = excluded.embedding, updated_at = excluded.updated_at
