-- All faces of a photo belong to the gallery that its last job has named; a trigger has them decided
-- again. Where each job has to name one, a job without one moves nothing. Runs after lock_photos.sql
-- and record_matches.sql in the same transaction.
update photo_faces as f
set gallery = input.gallery, gallery_at = input.published_at
from unnest(%(photo_id)s::uuid[], %(gallery)s::text[], %(published_at)s::timestamptz[])
    as input (photo_id, gallery, published_at)
where f.photo_id = input.photo_id and f.gallery is distinct from input.gallery
    and (f.gallery_at is null or f.gallery_at <= input.published_at)
    and (
        input.gallery is not null
        or not exists (select from face_match_limits where gallery_required)
    )
