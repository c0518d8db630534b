-- What was told of a request that has ended; one that was buried has ended as a message alone.
select event
from face_person_requests
where user_id = %(user_id)s and kind = %(kind)s and request in (%(request)s, %(message)s)
