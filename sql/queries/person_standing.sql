-- What was done of a user last, and since when they are enrolled. No event is read here: PostgreSQL
-- refuses JSON with characters that a publisher may have written.
select
    t.replaced_seq, t.replaced_at,
    -- A withdrawal that the platform has written by itself has no turn.
    case when w.withdrawn_at > t.withdrawn_at then null else t.withdrawn_seq end,
    greatest(t.withdrawn_at, w.withdrawn_at),
    w.user_id is not null,
    u.face_enrolled_at, e.enrolled_at
from (select %(user_id)s::uuid as id) as asked
left join face_person_turns as t on t.user_id = asked.id
left join face_withdrawals as w on w.user_id = asked.id
left join users as u on u.id = asked.id
left join face_enrolments as e on e.user_id = asked.id
