-- Every enrolled user of one contract with the vector.
select id, face_embedding
from users
where face_embedding is not null and face_embedding_model = %(model)s
