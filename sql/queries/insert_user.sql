-- Add a user who is enrolled before the platform made a row for them.
insert into users (face_embedding, face_embedding_model, face_enrolled_at, id)
values (%b, %s, now(), %s)
