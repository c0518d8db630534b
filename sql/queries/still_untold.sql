-- Which of these changes nobody else has told meanwhile; none, unless take_relay_turn.sql got the
-- turn.
select seq
from face_outbox
where seq = any(%(seqs)s::bigint[]) and current_setting('soloface.relays', true) = 'true'
