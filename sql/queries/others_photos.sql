-- Those of some photos that other users were offered for enrolment by.
select distinct ref
from face_enrolment_photos
where ref = any(%(refs)s) and user_id <> %(id)s
