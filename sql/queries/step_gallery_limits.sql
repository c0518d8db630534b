-- Limits of galleries for another number of members. Runs after lock_limits.sql in the same
-- transaction.
insert into face_gallery_limits (model, gallery, users)
select %(model)s, gallery, users
from unnest(%(galleries)s::text[], %(users)s::bigint[]) as input (gallery, users)
order by gallery
on conflict (model, gallery) do update set users = excluded.users
