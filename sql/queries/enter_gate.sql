-- Between the search for a face's user and the commit of the answer. Who has read of a change of the
-- users waits once until nobody is in here: then every face is either stored, or sees the change.
select pg_advisory_xact_lock_shared(1344253153)
