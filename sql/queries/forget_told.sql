-- These changes were told.
delete from face_outbox where seq = any(%(seqs)s::bigint[])
