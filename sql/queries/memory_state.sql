-- In which snapshot this transaction reads, and what watches over a memory that is read in it; null
-- where nothing does.
select pg_current_snapshot()::text, soloface_watch()
