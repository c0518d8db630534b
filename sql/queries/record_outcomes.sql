-- Store the outcomes of jobs that ended before they had a face. Each photo comes once.
-- Runs after lock_photos.sql in the same transaction.
insert into face_match_outcomes as o (
    photo_id, known_photo_id, outcome, reason, detail, job_id, stream_seq, published_at, deliveries
)
select
    input.photo_id, photos.id, input.outcome, input.reason, input.detail, input.job_id,
    input.stream_seq, input.published_at, input.deliveries
from unnest(
    %(photo_id)s::uuid[], %(outcome)s::text[], %(reason)s::text[], %(detail)s::text[],
    %(job_id)s::uuid[], %(stream_seq)s::bigint[], %(published_at)s::timestamptz[],
    %(deliveries)s::integer[]
) as input (photo_id, outcome, reason, detail, job_id, stream_seq, published_at, deliveries)
left join photos on photos.id = input.photo_id
order by input.photo_id
on conflict (photo_id) do update set
    known_photo_id = excluded.known_photo_id, outcome = excluded.outcome,
    reason = excluded.reason, detail = excluded.detail, user_id = null, distance = null,
    within_threshold = null, margin = null, nearest_user_id = null, second_user_id = null,
    model = null, job_id = excluded.job_id,
    stream_seq = excluded.stream_seq, published_at = excluded.published_at,
    deliveries = excluded.deliveries, settled_at = now()
-- A photo that has its match keeps its answer, whatever a later job for it says.
where excluded.reason <> 'already_matched'
    and not exists (
        select from photo_faces
        join face_matches on face_matches.photo_face_id = photo_faces.id
        where photo_faces.photo_id = o.photo_id and o.outcome = 'matched'
    )
