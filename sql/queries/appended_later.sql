-- What was told of the requests that have added photos to a user's after this one was published.
select event
from face_person_requests
where user_id = %(user_id)s and kind = 'enrol' and appended and outcome = 'enrolled'
    and stream_seq > %(stream_seq)s
order by stream_seq
