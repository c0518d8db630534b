-- Note the photos whose jobs were under way when their person withdrew.
insert into face_withdrawn_photos (photo_id, user_id)
select photo_id, user_id
from unnest(%(photo_id)s::uuid[], %(user_id)s::uuid[]) as t (photo_id, user_id)
join face_withdrawals using (user_id)
on conflict do nothing
