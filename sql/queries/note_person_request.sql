-- How a request ended; the first word stands. What is older than 30 days is forgotten by and by: no
-- stream delivers it any more.
with old as (
    delete from face_person_requests
    where (user_id, kind, request) in (
        select user_id, kind, request
        from face_person_requests
        where settled_at < now() - interval '30 days'
        limit 100
        for update skip locked
    )
)
insert into face_person_requests (user_id, kind, request, stream_seq, outcome, event)
values (
    %(user_id)s, %(kind)s, %(request)s, %(stream_seq)s, %(outcome)s, %(event)s
)
on conflict do nothing
