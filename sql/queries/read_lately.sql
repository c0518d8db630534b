-- Where the images of the faces are that were recorded last: those could be read.
select image_ref
from photo_faces
where image_ref is not null
order by updated_at desc
limit %(most)s
