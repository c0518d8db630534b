-- For how many members the limit holds of some galleries; those without a row have the one for 1.
select gallery, users
from face_gallery_limits
where model = %(model)s and gallery = any(%(galleries)s::text[])
