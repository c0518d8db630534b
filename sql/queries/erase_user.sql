-- Take out everything that is known of a user's face, on photos too; say how many rows of which
-- table. The user's own row stays, without what soloface wrote there. On the photos that show the
-- user, a face that nobody is tagged on may be theirs under another number.
-- Runs after lock_user.sql in the same transaction; the photos are those of photos_showing.sql.
with seen as (
    select photo_faces.id
    from photo_faces
    left join face_matches on face_matches.photo_face_id = photo_faces.id
    where photo_faces.photo_id = any(%(photo_ids)s::uuid[])
        and (face_matches.user_id is null or face_matches.user_id = %(id)s)
),
enrolled as (
    update users
    set face_embedding = null, face_embedding_model = null, face_enrolled_at = null
    where id = %(id)s
    returning 1
),
faces as (
    delete from photo_faces where id in (select id from seen) returning 1
),
matches as (
    delete from face_matches where user_id = %(id)s returning 1
),
beside as (
    delete from user_embeddings where user_id = %(id)s returning 1
),
photo_beside as (
    delete from photo_face_embeddings where photo_face_id in (select id from seen) returning 1
),
memberships as (
    delete from face_gallery_members where user_id = %(id)s returning 1
),
enrolments as (
    delete from face_enrolments where user_id = %(id)s returning 1
),
enrolment_photos as (
    delete from face_enrolment_photos where user_id = %(id)s returning 1
),
requests as (
    -- What was asked later than a withdrawal by a message is done again after it. What had ended well
    -- before that message came is not later, although its sequence may be greater: the stream was made
    -- again, and counts from 1.
    delete from face_person_requests
    where user_id = %(id)s
        and (
            stream_seq <= coalesce(%(stream_seq)s, stream_seq)
            or settled_at < %(asked_at)s::timestamptz - interval '1 minute'
        )
    returning 1
),
decisions as (
    delete from face_match_decisions where user_id = %(id)s returning 1
),
said_again as (
    delete from face_decision_log_words
    where user_id = %(id)s or photo_id = any(%(photo_ids)s::uuid[])
    returning 1
),
said as (
    delete from face_decision_log
    where photo_id = any(%(photo_ids)s::uuid[])
        or %(id)s in (user_id, before_user_id, now_user_id)
    returning 1
),
outcomes as (
    delete from face_match_outcomes
    where user_id = %(id)s or photo_id = any(%(photo_ids)s::uuid[])
    returning 1
)
select 'users' as erased, count(*) from enrolled
union all select 'user_embeddings', count(*) from beside
union all select 'face_gallery_members', count(*) from memberships
union all select 'face_enrolments', count(*) from enrolments
union all select 'face_enrolment_photos', count(*) from enrolment_photos
union all select 'face_person_requests', count(*) from requests
union all select 'face_match_decisions', count(*) from decisions
union all select 'photo_face_embeddings', count(*) from photo_beside
union all select 'photo_faces', count(*) from faces
union all select 'face_matches', count(*) from matches
union all select 'face_match_outcomes', count(*) from outcomes
union all select 'face_decision_log', count(*) from said
union all select 'face_decision_log_words', count(*) from said_again
