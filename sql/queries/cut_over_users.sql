-- Take the new model's vectors into use. Users without one are not enrolled any more.
with moved as (
    update users
    set face_embedding = beside.embedding, face_embedding_model = beside.model
    from users as u
    left join user_embeddings as beside
        on beside.user_id = u.id and beside.model = %(model)s
        and beside.enrolled_at is not distinct from u.face_enrolled_at
    where users.id = u.id
        and (u.face_embedding_model <> %(model)s or beside.user_id is not null)
    returning users.id, users.face_embedding_model as model
)
update face_enrolments set model = moved.model
from moved
where face_enrolments.user_id = moved.id and moved.model is not null
