-- The nearest enrolled members of the gallery of each face, like compared with like only.
select faces.ord - 1 as face, nearest.user_id, nearest.distance
from unnest(%(embeddings)b::vector[], %(galleries)s::text[])
    with ordinality as faces (embedding, gallery, ord)
cross join lateral (
    select users.id as user_id, users.face_embedding <=> faces.embedding as distance
    from face_gallery_members as m
    join users on users.id = m.user_id
    where m.gallery = faces.gallery
        and users.face_embedding is not null and users.face_embedding_model = %(model)s
    order by users.face_embedding <=> faces.embedding, users.id
    limit %(count)s
) as nearest
order by faces.ord, nearest.distance, nearest.user_id
