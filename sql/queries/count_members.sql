-- How many members of some galleries are enrolled whose vectors are of a contract.
select m.gallery, count(*)
from face_gallery_members as m
join users on users.id = m.user_id
where m.gallery = any(%(galleries)s::text[])
    and users.face_embedding is not null and users.face_embedding_model = %(model)s
group by m.gallery
