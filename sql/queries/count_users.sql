-- How many users are enrolled whose vectors are of a contract.
select count(*) from users
where face_embedding is not null and face_embedding_model = %(model)s
