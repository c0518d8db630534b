-- The photos that a user is tagged on, the farthest first; tags without a distance are words.
select
    m.on_photo_id, m.on_face_index, m.confidence, m.created_at,
    exists (
        select from face_match_decisions as d
        where d.photo_id = m.on_photo_id and d.user_id = m.user_id and d.decision = 'confirmed'
    ) as confirmed
from face_matches as m
where m.user_id = %(user_id)s
    and (
        %(after_distance)s::float8 is null
        or (coalesce(m.confidence, -1), m.on_photo_id)
            < (%(after_distance)s::float8, %(after_photo)s::uuid)
    )
order by coalesce(m.confidence, -1) desc, m.on_photo_id desc
limit %(count)s
