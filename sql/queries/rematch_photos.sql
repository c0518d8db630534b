-- Have some photos decided again.
insert into face_rematches (photo_id) select unnest(%(photo_ids)s::uuid[])
