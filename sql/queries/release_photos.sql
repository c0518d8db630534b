-- Somebody looks at these photos no longer.
delete from face_review_claims where claimed_by = %(by)s and photo_id = any(%(photo_ids)s::uuid[])
