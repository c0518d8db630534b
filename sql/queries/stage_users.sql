-- Put users' vectors of another model beside those in use.
insert into user_embeddings (user_id, model, embedding, enrolled_at)
select input.id, %(model)s, input.embedding, input.made_at
from unnest(%(id)s::uuid[], %(embedding)b::vector[], %(made_at)s::timestamptz[])
    as input (id, embedding, made_at)
join users on users.id = input.id
on conflict (user_id, model) do update set
    embedding = excluded.embedding, enrolled_at = excluded.enrolled_at
