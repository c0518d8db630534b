-- Wait for the requests about this user that came before ours, and let the next wait for us. Runs
-- after take_person_turn.sql in the same transaction, as the row may have been there already.
select from face_person_turns where user_id = %(user_id)s for update
