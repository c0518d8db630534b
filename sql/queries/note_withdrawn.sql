-- Note the photos whose jobs were under way when their person withdrew.
insert into face_withdrawn_photos (photo_id, user_id)
select * from unnest(%(photo_id)s::uuid[], %(user_id)s::uuid[])
on conflict do nothing
