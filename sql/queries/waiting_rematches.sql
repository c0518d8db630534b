-- Which of some wishes are not done yet, and how far the faces were looked through for each.
select place, blocks from face_rematches where id = any(%(ids)s::bigint[])
