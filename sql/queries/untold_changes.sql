-- The oldest change of each photo that was not told yet, photo by photo from a place on; none,
-- unless take_relay_turn.sql got the turn. However many changes a photo has, it costs one look.
with recursive oldest as (
    (
        select *
        from face_outbox
        where (photo_id, seq) > (%(photo_id)s::uuid, %(seq)s::bigint)
            and current_setting('soloface.relays', true) = 'true'
        order by photo_id, seq
        limit 1
    )
    union all
    select next.*
    from oldest
    cross join lateral (
        select *
        from face_outbox
        where face_outbox.photo_id > oldest.photo_id
        order by face_outbox.photo_id, face_outbox.seq
        limit 1
    ) as next
)
select
    photo_id, face_index, gallery, change, user_id, previous_user_id, distance, cause,
    -- Whoever wrote it may have written at length, and a message has a limit.
    left(by, 200), seq, changed_at
from oldest
limit %(most)s
