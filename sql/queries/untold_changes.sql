-- The oldest changes of tags that were not told yet; none, unless take_relay_turn.sql got the turn.
select
    photo_id, face_index, change, user_id, previous_user_id, distance, cause,
    -- Whoever wrote it may have written at length, and a message has a limit.
    left(by, 200), seq, changed_at
from face_outbox
where current_setting('soloface.relays', true) = 'true'
order by seq
limit %(most)s
