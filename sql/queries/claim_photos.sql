-- Give somebody photos to look at, as far as nobody else looks at them; asked again, it lasts longer.
insert into face_review_claims as c (photo_id, claimed_by, claimed_until)
select photo_id, %(by)s, now() + make_interval(secs => %(for_s)s)
from unnest(%(photo_ids)s::uuid[]) as t (photo_id)
order by photo_id
on conflict (photo_id) do update
set claimed_by = excluded.claimed_by, claimed_until = excluded.claimed_until
where c.claimed_by = excluded.claimed_by or c.claimed_until <= now()
returning photo_id
