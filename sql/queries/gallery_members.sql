-- The members of a gallery, a page at a time, and whether each is enrolled.
select m.user_id, users.face_embedding_model is not null as enrolled, m.added_at
from face_gallery_members as m
join users on users.id = m.user_id
where m.gallery = %(gallery)s and m.user_id > %(last)s
order by m.user_id
limit %(page)s
