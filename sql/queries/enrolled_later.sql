-- What was told of the requests that have enrolled a user and were published after this one, in order.
select event
from face_person_requests
where user_id = %(user_id)s and kind = 'enrol' and outcome = 'enrolled'
    and stream_seq > %(stream_seq)s
order by stream_seq
