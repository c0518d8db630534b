-- Decisions of somebody, the newest first: one, the one of a request, or those before one.
select
    id, photo_id, user_id, decision, face_index, decided_by, decided_at, before_user_id,
    now_user_id, reason, distance, margin, taken_back, undone_at
from face_decision_log
where decided_by = %(by)s
    and (%(id)s::bigint is null or id = %(id)s::bigint)
    and (%(key)s::text is null or idempotency_key = %(key)s::text)
    and (%(before_id)s::bigint is null or id < %(before_id)s::bigint)
order by id desc
limit %(count)s
