-- Store how jobs ended. Each photo comes once. Runs after lock_photos.sql in the same transaction.
insert into face_match_outcomes as o (
    photo_id, known_photo_id, outcome, reason, detail, user_id, distance, within_threshold, margin,
    nearest_user_id, second_user_id, model, job_id, stream_seq, published_at, deliveries
)
select
    input.photo_id, photos.id, input.outcome, input.reason, input.detail, input.user_id,
    input.distance, input.within_threshold, input.margin, input.nearest_user_id,
    input.second_user_id, input.model, input.job_id, input.stream_seq, input.published_at,
    input.deliveries
from unnest(
    %(photo_id)s::uuid[], %(outcome)s::text[], %(reason)s::text[], %(detail)s::text[],
    %(user_id)s::uuid[], %(distance)s::float8[], %(within_threshold)s::boolean[],
    %(margin)s::float8[], %(nearest_user_id)s::uuid[], %(second_user_id)s::uuid[],
    %(model)s::text[], %(job_id)s::uuid[], %(stream_seq)s::bigint[],
    %(published_at)s::timestamptz[], %(deliveries)s::integer[]
) as input (
    photo_id, outcome, reason, detail, user_id, distance, within_threshold, margin,
    nearest_user_id, second_user_id, model, job_id, stream_seq, published_at, deliveries
)
left join photos on photos.id = input.photo_id
order by input.photo_id
on conflict (photo_id) do update set
    known_photo_id = excluded.known_photo_id, outcome = excluded.outcome,
    reason = excluded.reason, detail = excluded.detail, user_id = excluded.user_id,
    distance = excluded.distance, within_threshold = excluded.within_threshold,
    margin = excluded.margin, nearest_user_id = excluded.nearest_user_id,
    second_user_id = excluded.second_user_id, model = excluded.model, job_id = excluded.job_id,
    stream_seq = excluded.stream_seq, published_at = excluded.published_at,
    deliveries = excluded.deliveries, settled_at = now()
-- These two only say that another job has the answer.
where excluded.reason not in ('already_matched', 'duplicate_in_flight')
    -- A photo that has its match keeps its answer, whatever a later job for it says.
    and (
        excluded.reason = 'matched'
        or not exists (
            select from photo_faces
            join face_matches on face_matches.photo_face_id = photo_faces.id
            where photo_faces.photo_id = o.photo_id and o.outcome = 'matched'
        )
    )
