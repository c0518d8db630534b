-- Add users to galleries, those that there are; says who was not there before.
insert into face_gallery_members (gallery, user_id)
select input.gallery, users.id
from unnest(%(galleries)s::text[], %(user_ids)s::uuid[]) as input (gallery, user_id)
join users on users.id = input.user_id
where not exists (select from face_withdrawals as w where w.user_id = users.id)
order by input.gallery, users.id
on conflict do nothing
returning gallery, user_id
