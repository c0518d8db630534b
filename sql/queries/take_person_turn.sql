-- Let the next request of this user wait for us. It need not be a user who is known.
insert into face_person_turns (user_id) values (%(user_id)s) on conflict do nothing
