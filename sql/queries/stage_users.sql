-- Put users' vectors of another model beside those in use; of those who are enrolled as they were.
with enrolled as (
    select id, face_enrolled_at from users
    where id = any(%(id)s::uuid[]) and face_embedding is not null
    order by id
    for share
)
insert into user_embeddings (user_id, model, embedding, enrolled_at)
select input.id, %(model)s, input.embedding, input.made_at
from unnest(%(id)s::uuid[], %(embedding)b::vector[], %(made_at)s::timestamptz[])
    as input (id, embedding, made_at)
join enrolled
    on enrolled.id = input.id and enrolled.face_enrolled_at is not distinct from input.made_at
on conflict (user_id, model) do update set
    embedding = excluded.embedding, enrolled_at = excluded.enrolled_at
