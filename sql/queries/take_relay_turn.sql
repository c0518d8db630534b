-- One process at a time tells changes of tags; the turn ends with the transaction.
-- For still_untold.sql and untold_changes.sql, which are sent along.
select
    set_config('soloface.relays', pg_try_advisory_xact_lock(1344253155)::text, true),
    -- What was read in this transaction is told after it, and must be on disk by then.
    set_config('synchronous_commit', 'on', true),
    -- A plan that was made while the outbox was empty would read it whole for each photo.
    set_config('enable_seqscan', 'off', true)
