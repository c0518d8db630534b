-- What was told of a request that has ended.
select event
from face_person_requests
where user_id = %(user_id)s and kind = %(kind)s and request = %(request)s
