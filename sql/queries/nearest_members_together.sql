-- What nearest_members.sql finds, for several faces of one gallery: its members lie all over the
-- table, and reading them costs more than comparing them, so that is done once.
with members as materialized (
    select users.id, users.face_embedding
    from face_gallery_members as m
    join users on users.id = m.user_id
    where m.gallery = %(gallery)s
        and users.face_embedding is not null and users.face_embedding_model = %(model)s
)
select faces.ord - 1 as face, nearest.user_id, nearest.distance
from unnest(%(embeddings)b::vector[]) with ordinality as faces (embedding, ord)
cross join lateral (
    select id as user_id, face_embedding <=> faces.embedding as distance
    from members
    order by face_embedding <=> faces.embedding, id
    limit %(count)s
) as nearest
order by faces.ord, nearest.distance, nearest.user_id
