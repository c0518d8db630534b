-- One process at a time tells changes of tags; the turn ends with the transaction.
-- For untold_changes.sql, which is sent along.
select set_config('soloface.relays', pg_try_advisory_xact_lock(1344253155)::text, true)
