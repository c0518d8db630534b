-- Of how many photos users' vectors are the means, where they are still the ones made of them.
select e.user_id, e.photos
from face_enrolments as e
join users as u on u.id = e.user_id
where e.user_id = any(%(user_ids)s::uuid[])
    and e.model = %(model)s
    and u.face_embedding_model = e.model
    and u.face_enrolled_at = e.enrolled_at
