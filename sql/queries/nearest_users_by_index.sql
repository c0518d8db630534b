-- What nearest_users.sql finds, by way of the index `users_face_search` on the vectors in half
-- precision: the nearest of those in the lists it looks through are looked at exactly.
select faces.ord - 1 as face, nearest.user_id, nearest.distance
from unnest(%(embeddings)b::vector[]) with ordinality as faces (embedding, ord)
cross join lateral (
    select candidates.id as user_id, candidates.face_embedding <=> faces.embedding as distance
    from (
        select users.id, users.face_embedding
        from users
        where users.face_embedding is not null and users.face_embedding_model = %(model)s
            and not exists (
                select from face_match_limits as l where l.model = %(model)s and l.gallery_required
            )
        order by
            users.face_embedding::halfvec(:dimension) <=> faces.embedding::halfvec(:dimension)
        limit %(candidates)s
    ) as candidates
    order by distance, user_id
    limit %(count)s
) as nearest
order by faces.ord, nearest.distance, nearest.user_id
