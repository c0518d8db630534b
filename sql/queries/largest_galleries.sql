-- The galleries with the most members who are enrolled with a contract, for how many members the limit
-- of each holds (null: nobody has noted it, so for 1), and how many such galleries there are.
select m.gallery, count(*) as enrolled, l.users, count(*) over () as galleries
from face_gallery_members as m
join users on users.id = m.user_id and users.face_embedding_model = %(model)s
left join face_gallery_limits as l on l.gallery = m.gallery and l.model = %(model)s
group by m.gallery, l.users
order by enrolled desc, m.gallery
limit %(count)s
