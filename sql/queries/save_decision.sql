-- Keep what somebody said of a photo, and of a user where one is named.
-- Runs after forget_decisions.sql in the same transaction.
insert into face_match_decisions (photo_id, user_id, decision, face_index, decided_by)
values (%(photo_id)s, %(user_id)s, %(decision)s, %(face_index)s, %(by)s)
