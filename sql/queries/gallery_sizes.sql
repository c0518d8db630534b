-- How many users are enrolled, by the contract of their vectors.
select face_embedding_model, count(*)
from users
where face_embedding is not null
group by face_embedding_model
