-- A commit that has written something goes to disk, and with it all that was committed before, also
-- by whoever did not wait for that (synchronous_commit = off).
select pg_logical_emit_message(true, 'soloface', '')
