-- The limit for another number of users; the workers follow from their next job on, and the recorded
-- faces are matched again by it. Runs after lock_limits.sql in the same transaction.
update face_match_limits
set max_distance = %(max_distance)s::float8, users = %(users)s::bigint
where model = %(model)s
