-- The same, where the row is there by now.
select from face_person_turns where user_id = %(user_id)s for update
