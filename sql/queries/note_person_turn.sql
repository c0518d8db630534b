-- That a request has put its photos in place of others. Runs after lock_person_turn.sql in the same
-- transaction.
update face_person_turns
set replaced_seq = %(stream_seq)s, replaced_at = %(at)s
where user_id = %(user_id)s
