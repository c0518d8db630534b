-- All that is known of a photo's outcome, and whether somebody on it has withdrawn; no row: there is
-- no such photo.
select
    o.outcome, o.reason, o.detail, o.user_id, o.distance, o.within_threshold, o.margin, o.model,
    o.job_id, o.deliveries, o.published_at, o.settled_at,
    exists (select from face_withdrawn_photos as w where w.photo_id = p.id) as withdrawn,
    (
        select c.claimed_by from face_review_claims as c
        where c.photo_id = p.id and c.claimed_until > now()
    ) as claimed_by
from photos as p
left join face_match_outcomes as o on o.photo_id = p.id
where p.id = %(photo_id)s
