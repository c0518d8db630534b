-- Each gallery with how many members it has, how many of them are enrolled, and how many faces belong
-- to it.
with members as (
    select m.gallery, count(*) as members, count(users.face_embedding_model) as enrolled
    from face_gallery_members as m
    join users on users.id = m.user_id
    group by m.gallery
),
faces as (
    select gallery, count(*) as faces from photo_faces where gallery is not null group by gallery
)
select gallery, coalesce(members, 0), coalesce(enrolled, 0), coalesce(faces, 0)
from members
full join faces using (gallery)
order by gallery
