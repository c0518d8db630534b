-- The galleries whose members some requests concern: that of which they are, those of the users, or
-- all of them.
select gallery from face_gallery_members
where %(all)s or user_id = any(%(user_ids)s::uuid[])
union
select gallery from face_gallery_limits where %(all)s and model = %(model)s
union
select unnest(%(galleries)s::text[])
