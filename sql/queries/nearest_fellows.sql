-- The nearest enrolled users of each vector who are in one of its galleries, like compared with like
-- only. Names of galleries have no spaces.
select faces.ord - 1 as face, nearest.user_id, nearest.distance
from unnest(%(embeddings)b::vector[], %(galleries)s::text[])
    with ordinality as faces (embedding, galleries, ord)
cross join lateral (
    select users.id as user_id, users.face_embedding <=> faces.embedding as distance
    from users
    where users.id in (
            select m.user_id from face_gallery_members as m
            where m.gallery = any(string_to_array(faces.galleries, ' '))
        )
        and users.face_embedding is not null and users.face_embedding_model = %(model)s
    order by users.face_embedding <=> faces.embedding, users.id
    limit %(count)s
) as nearest
order by faces.ord, nearest.distance, nearest.user_id
