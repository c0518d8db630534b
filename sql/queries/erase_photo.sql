-- Take out everything that is known of a photo's faces; say how many rows of which table. The
-- photo's own row stays. Runs after lock_photos.sql in the same transaction.
with seen as (
    select id from photo_faces where photo_id = %(id)s
),
faces as (
    delete from photo_faces where photo_id = %(id)s returning 1
),
matches as (
    delete from face_matches where photo_face_id in (select id from seen) returning 1
),
beside as (
    delete from photo_face_embeddings where photo_face_id in (select id from seen) returning 1
),
decisions as (
    delete from face_match_decisions where photo_id = %(id)s returning 1
),
said_again as (
    delete from face_decision_log_words where photo_id = %(id)s returning 1
),
said as (
    delete from face_decision_log where photo_id = %(id)s returning 1
),
claims as (
    delete from face_review_claims where photo_id = %(id)s returning 1
),
outcomes as (
    delete from face_match_outcomes where photo_id = %(id)s returning 1
)
select 'photo_face_embeddings' as erased, count(*) from beside
union all select 'face_match_decisions', count(*) from decisions
union all select 'photo_faces' as erased, count(*) from faces
union all select 'face_matches', count(*) from matches
union all select 'face_match_outcomes', count(*) from outcomes
union all select 'face_decision_log', count(*) from said
union all select 'face_decision_log_words', count(*) from said_again
union all select 'face_review_claims', count(*) from claims
