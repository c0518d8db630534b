-- The oldest change of each photo can be found without reading all the others of that photo.
--
-- By hand: psql -v ON_ERROR_STOP=1 -1 -f 0009_outbox_by_photo.sql
-- Every statement may be run again.

create index if not exists face_outbox_photo_id on face_outbox (photo_id, seq);
