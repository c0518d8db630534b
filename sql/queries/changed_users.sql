-- The vectors of some users who changed, once for each gallery in which they are compared: that of
-- the change, else every one that they belong to, and once for the faces that belong to none.
with asked as (
    select distinct user_id, gallery
    from unnest(%(user_ids)s::uuid[], %(galleries)s::text[]) as t (user_id, gallery)
),
places as (
    select user_id, null as gallery from asked where gallery is null
    union
    select m.user_id, m.gallery
    from asked
    join face_gallery_members as m on m.user_id = asked.user_id
        and (asked.gallery is null or m.gallery = asked.gallery)
)
select places.gallery, users.face_embedding
from places
join users on users.id = places.user_id and users.face_embedding_model = %(model)s
    and users.face_embedding is not null
