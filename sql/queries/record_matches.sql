-- Store a batch's faces and matches, and say what becomes of each job. A photo gets at most one match.
-- Runs after lock_photos.sql and lock_tagged.sql in the same transaction, before record_outcomes.sql.
-- Each photo comes once.
with input as (
    select * from unnest(
        %(photo_id)s::uuid[], %(face_index)s::integer[], %(embedding)b::vector[],
        %(x1)s::float8[], %(y1)s::float8[], %(x2)s::float8[], %(y2)s::float8[],
        %(det_score)s::real[], %(quality)s::jsonb[], %(image_ref)s::text[], %(reason)s::text[],
        %(user_id)s::uuid[], %(distance)s::float8[],
        %(margin)s::float8[], %(duplicate_of)s::bigint[], %(stream_seq)s::bigint[],
        %(published_at)s::timestamptz[],
        %(nearest_user_id)s::uuid[], %(second_user_id)s::uuid[], %(gallery)s::text[]
    ) as t (
        photo_id, face_index, embedding, x1, y1, x2, y2, det_score, quality, image_ref, reason,
        user_id, distance, margin, duplicate_of, stream_seq,
        published_at, nearest_user_id, second_user_id, gallery
    )
),
-- Their vectors may have been replaced by another model's since the search.
alive as (
    select id from users
    where id = any(%(user_id)s::uuid[])
        and (
            (face_embedding_model = %(model)s and face_embedding is not null)
            -- Somebody's word, which needs no vector.
            or id in (select user_id from input where distance is null)
        )
),
judged as (
    select
        input.*,
        case
            when photos.id is null then 'photo_not_found'
            when past.stream_seq = input.stream_seq and past.published_at = input.published_at
                then 'repeated'
            -- A later job has said that the photo belongs to another gallery.
            when exists (
                select from photo_faces as f
                where f.photo_id = input.photo_id and f.gallery is distinct from input.gallery
                    and f.gallery_at > input.published_at
            ) then 'duplicate_in_flight'
            -- A job published after the answer was there is no duplicate but a new question.
            when past.stream_seq = input.duplicate_of and input.published_at < past.settled_at
                then 'duplicate_in_flight'
            when exists (
                select from photo_faces
                join face_matches on face_matches.photo_face_id = photo_faces.id
                where photo_faces.photo_id = input.photo_id
            ) then 'already_matched'
            when exists (
                select from face_withdrawn_photos as w where w.photo_id = input.photo_id
            )
            or exists (select from face_withdrawals as w where w.user_id = input.user_id)
                then 'withdrawn'
            when input.user_id is not null and (
                alive.id is null
                -- Somebody has decided since the search.
                or exists (
                    select from face_match_decisions as d
                    where d.photo_id = input.photo_id
                        and (
                            (d.user_id = input.user_id) = (d.decision = 'rejected')
                            or d.decision = 'nobody'
                        )
                )
            ) then 'user_gone'
            else input.reason
        end as verdict,
        past.reason as past_reason,
        past.user_id as past_user_id,
        past.distance as past_distance,
        past.within_threshold as past_within_threshold,
        past.margin as past_margin
    from input
    left join photos on photos.id = input.photo_id
    left join face_match_outcomes as past on past.photo_id = input.photo_id
    left join alive on alive.id = input.user_id
),
faces as (
    insert into photo_faces as f (
        photo_id, face_index, embedding, bbox, model, det_score, quality, image_ref,
        nearest_user_id, nearest_distance, second_user_id, second_distance, gallery, gallery_at
    )
    select
        photo_id, face_index, embedding,
        jsonb_build_object('x1', x1, 'y1', y1, 'x2', x2, 'y2', y2), %(model)s, det_score,
        quality, image_ref, nearest_user_id, distance, second_user_id, distance + margin,
        gallery, published_at
    from judged
    where verdict = reason and reason <> 'missing_gallery'
    order by photo_id
    on conflict (photo_id, face_index) do update set
        embedding = excluded.embedding, bbox = excluded.bbox, model = excluded.model,
        det_score = excluded.det_score, quality = excluded.quality,
        image_ref = excluded.image_ref, updated_at = now(),
        nearest_user_id = excluded.nearest_user_id, nearest_distance = excluded.nearest_distance,
        second_user_id = excluded.second_user_id, second_distance = excluded.second_distance,
        gallery = excluded.gallery, gallery_at = excluded.gallery_at
    returning f.id, f.photo_id, f.face_index, f.gallery
),
matches as (
    insert into face_matches (
        photo_face_id, on_photo_id, on_face_index, on_gallery, user_id, confidence
    )
    select faces.id, faces.photo_id, faces.face_index, faces.gallery, judged.user_id, judged.distance
    from judged
    join faces using (photo_id)
    where judged.verdict = 'matched'
)
select
    photo_id, verdict, past_reason, past_user_id, past_distance, past_within_threshold, past_margin
from judged
