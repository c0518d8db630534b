-- Keep what somebody said and what came of it, with the words that do not count any more.
with entry as (
    insert into face_decision_log (
        photo_id, user_id, decision, face_index, decided_by, idempotency_key, before_user_id,
        now_user_id, reason, distance, margin, taken_back
    )
    values (
        %(photo_id)s, %(user_id)s, %(decision)s, %(face_index)s, %(by)s, %(key)s, %(before)s,
        %(now)s, %(reason)s, %(distance)s, %(margin)s, %(taken_back)s
    )
    returning id
),
words as (
    insert into face_decision_log_words (
        log_id, photo_id, user_id, decision, face_index, decided_by, database_role, decided_at
    )
    select entry.id, %(photo_id)s, w.*
    from entry
    cross join unnest(
        %(user_ids)s::uuid[], %(decisions)s::text[], %(face_indices)s::integer[],
        %(decided_by)s::text[], %(roles)s::text[], %(times)s::timestamptz[]
    ) as w (user_id, decision, face_index, decided_by, database_role, decided_at)
)
select id from entry
