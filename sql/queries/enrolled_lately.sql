-- Where the photos are by which users were enrolled last: those could be read.
select p.ref
from face_enrolment_photos as p
join face_enrolments as e on e.user_id = p.user_id
where p.refused is null and p.ref like 'minio://%%'
order by e.enrolled_at desc
limit %(most)s
