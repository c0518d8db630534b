-- Each gallery with the ids of its members, one after another.
select gallery, string_agg(uuid_send(user_id), '')
from face_gallery_members
group by gallery
