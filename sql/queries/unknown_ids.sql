-- Those of some photos and users that the platform has no row for.
select id
from unnest(%(photo_ids)s::uuid[]) as photo (id)
where not exists (select from photos where photos.id = photo.id)
union
select id
from unnest(%(user_ids)s::uuid[]) as person (id)
where not exists (select from users where users.id = person.id)
