-- Replace a user's vector.
update users
set face_embedding = %b, face_embedding_model = %s, face_enrolled_at = now()
where id = %s
