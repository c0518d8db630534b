-- Bring the tags of some faces to what was decided; no user means none. Says whose user is gone, or
-- was moved to another model since the search: then all of them stay as they are.
-- Runs after lock_photos.sql and lock_tagged.sql in the same transaction.
with wanted as (
    select * from unnest(%(face_id)s::uuid[], %(user_id)s::uuid[], %(distance)s::float8[])
        as t (face_id, user_id, distance)
),
alive as (
    select id from users
    where id = any(%(user_id)s::uuid[])
        and (
            (face_embedding_model = %(model)s and face_embedding is not null)
            -- Somebody's word, which needs no vector.
            or id in (select user_id from wanted where distance is null)
        )
        and not exists (select from face_withdrawals as w where w.user_id = users.id)
),
gone as (
    select face_id from wanted as w
    where w.user_id is not null and not exists (select from alive where alive.id = w.user_id)
),
lost as (
    delete from face_matches as m
    using wanted as w
    where m.photo_face_id = w.face_id and w.user_id is null and not exists (select from gone)
),
moved as (
    update face_matches as m
    set user_id = w.user_id, confidence = w.distance
    from wanted as w
    join alive on alive.id = w.user_id
    where m.photo_face_id = w.face_id
        and (m.user_id, m.confidence) is distinct from (w.user_id, w.distance)
        and not exists (select from gone)
),
gained as (
    insert into face_matches (
        photo_face_id, on_photo_id, on_face_index, on_gallery, user_id, confidence
    )
    select f.id, f.photo_id, f.face_index, f.gallery, w.user_id, w.distance
    from wanted as w
    join alive on alive.id = w.user_id
    join photo_faces as f on f.id = w.face_id
    where not exists (select from gone)
    order by f.photo_id
    on conflict (photo_face_id) do nothing
)
select face_id from gone
