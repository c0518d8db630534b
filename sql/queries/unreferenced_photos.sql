-- Those of some references that no enrolment has any more.
select gone.ref
from unnest(%(refs)s::text[]) as gone (ref)
where not exists (select from face_enrolment_photos as p where p.ref = gone.ref)
