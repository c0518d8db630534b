-- Every enrolled user of a contract with the vector, for a memory.
copy (
    select id, face_embedding
    from users
    where face_embedding is not null and face_embedding_model = %(model)s
) to stdout (format binary)
