-- To what enrolled users have agreed, now.
update face_enrolments as e
set consent = input.consent, consented_at = now()
from unnest(%(user_id)s::uuid[], %(consent)s::text[]) as input (user_id, consent)
where e.user_id = input.user_id
