-- How far each face is from the one user that it was said to show, where it may be compared with
-- them: in a gallery with its members, without one with everybody.
select faces.ord - 1 as face, users.id, users.face_embedding <=> faces.embedding as distance
from unnest(%(embeddings)b::vector[], %(user_ids)s::uuid[], %(galleries)s::text[])
    with ordinality as faces (embedding, user_id, gallery, ord)
join users on users.id = faces.user_id and users.face_embedding_model = %(model)s
    and users.face_embedding is not null
where case
    when faces.gallery is null then not exists (
        select from face_match_limits as l where l.model = %(model)s and l.gallery_required
    )
    else exists (
        select from face_gallery_members as m
        where m.gallery = faces.gallery and m.user_id = users.id
    )
end
