-- Enrolled users of other models without a vector of this one made of their present enrolment, and
-- the photos that it was made of.
select
    u.id, u.face_enrolled_at,
    coalesce(array_agg(p.ref order by p.sha256) filter (where p.ref is not null), '{}') as photos,
    null as box
from users as u
left join face_enrolments as e on e.user_id = u.id and e.enrolled_at = u.face_enrolled_at
left join face_enrolment_photos as p on p.user_id = e.user_id and p.refused is null
where u.face_embedding is not null
    and u.face_embedding_model is distinct from %(model)s
    and not exists (
        select from user_embeddings as beside
        where beside.user_id = u.id and beside.model = %(model)s
            and beside.enrolled_at is not distinct from u.face_enrolled_at
    )
group by u.id
order by u.id
