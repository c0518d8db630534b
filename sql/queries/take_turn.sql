-- One process at a time works off face_rematches; the turn ends with the transaction.
select pg_try_advisory_xact_lock(1344253154)
