-- What was done of a user last, by what they have agreed again, and by what they are enrolled.
select
    t.replaced_seq, t.replaced_at,
    -- A withdrawal that the platform has written by itself has no turn.
    case when w.withdrawn_at > t.withdrawn_at then null else t.withdrawn_seq end,
    greatest(t.withdrawn_at, w.withdrawn_at),
    w.user_id is not null,
    agreed.stream_seq, agreed.published_at,
    u.face_enrolled_at, e.enrolled_at
from (select %(user_id)s::uuid as id) as asked
left join face_person_turns as t on t.user_id = asked.id
left join face_withdrawals as w on w.user_id = asked.id
left join users as u on u.id = asked.id
left join face_enrolments as e on e.user_id = asked.id
left join lateral (
    select r.stream_seq, (r.event::json ->> 'published_at')::timestamptz as published_at
    from face_person_requests as r
    where r.user_id = asked.id and r.kind = 'enrol' and r.outcome = 'enrolled'
        and r.stream_seq > coalesce(t.withdrawn_seq, 0)
        and r.event::json ->> 'consent' is not null
    order by r.stream_seq
    limit 1
) as agreed on true
