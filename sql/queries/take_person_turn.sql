-- Have a row by which the requests about a user wait for each other. Nobody need know the user.
insert into face_person_turns (user_id) values (%(user_id)s) on conflict do nothing
