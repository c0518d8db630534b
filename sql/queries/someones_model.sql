-- The contract of some enrolled user's vector.
select face_embedding_model from users where face_embedding is not null limit 1
