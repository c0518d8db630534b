-- What is known of a batch's photos, one row per id.
select
    asked.id,
    photos.id is not null as known,
    exists (
        select from photo_faces
        join face_matches on face_matches.photo_face_id = photo_faces.id
        where photo_faces.photo_id = asked.id
    ) as matched,
    exists (
        select from face_withdrawn_photos as w where w.photo_id = asked.id
    ) as withdrawn,
    o.stream_seq,
    o.published_at,
    o.reason,
    o.detail,
    o.user_id,
    o.distance,
    o.within_threshold,
    o.margin
from unnest(%(photo_ids)s::uuid[]) as asked (id)
left join photos on photos.id = asked.id
left join face_match_outcomes as o on o.photo_id = asked.id
