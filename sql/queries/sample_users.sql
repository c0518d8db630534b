-- Some enrolled users of one contract, for measuring the search.
select id, face_embedding
from users
where face_embedding is not null and face_embedding_model = %(model)s
order by random()
limit %(count)s
