-- Take users out of galleries; says who was there.
delete from face_gallery_members as m
using unnest(%(galleries)s::text[], %(user_ids)s::uuid[]) as input (gallery, user_id)
where m.gallery = input.gallery and m.user_id = input.user_id
returning m.gallery, m.user_id
