-- Put faces' vectors of another model beside those in use; of those that were not erased meanwhile.
with kept as (
    select id from photo_faces where id = any(%(id)s::uuid[]) order by id for key share
)
insert into photo_face_embeddings (photo_face_id, model, embedding, updated_at)
select input.id, %(model)s, input.embedding, input.made_at
from unnest(%(id)s::uuid[], %(embedding)b::vector[], %(made_at)s::timestamptz[])
    as input (id, embedding, made_at)
join kept on kept.id = input.id
on conflict (photo_face_id, model) do update set
    embedding = excluded.embedding, updated_at = excluded.updated_at
