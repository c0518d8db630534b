-- What is to be matched again for a contract, photos first.
select id, user_id, photo_id, cause, by, place, file is not null as begun
from face_rematches
where model is null or model = %(model)s
order by photo_id is null, id
limit %(most)s
