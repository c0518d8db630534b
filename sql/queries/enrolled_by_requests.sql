-- What was told of the requests that have enrolled a user, in order. Which of them came later than
-- another is asked of their times too: a stream that is made again counts from 1.
select event
from face_person_requests
where user_id = %(user_id)s and kind = 'enrol' and outcome = 'enrolled'
order by stream_seq
