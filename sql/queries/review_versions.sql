-- What is tagged on some photos and what was said of each, as one word each: it changes when any of
-- that does.
select
    asked.photo_id,
    md5(concat(
        (
            select string_agg(concat_ws(' ', f.face_index, m.user_id), ',' order by f.face_index)
            from photo_faces as f
            join face_matches as m on m.photo_face_id = f.id
            where f.photo_id = asked.photo_id
        ),
        ';',
        (
            select string_agg(
                concat_ws(' ', d.decision, d.user_id, d.face_index), ','
                order by d.decision, d.user_id
            )
            from face_match_decisions as d
            where d.photo_id = asked.photo_id
        )
    )) as version
from unnest(%(photo_ids)s::uuid[]) as asked (photo_id)
