-- To which galleries some users belong.
select user_id, array_agg(gallery order by gallery)
from face_gallery_members
where user_id = any(%(user_ids)s::uuid[])
group by user_id
