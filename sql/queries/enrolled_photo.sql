-- Where a photo is that a user was enrolled by.
select ref
from face_enrolment_photos
where user_id = %(user_id)s and sha256 = %(sha256)s and refused is null
