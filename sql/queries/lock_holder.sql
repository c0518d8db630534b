-- Who keeps a server's process from its lock: of several the one whose transaction is the oldest.
-- What others do is not everybody's to see; a prepared transaction is no process.
select blocker.pid, a.usename::text, a.application_name, a.state, a.xact_start, a.query_start
from unnest(pg_blocking_pids(%(backend)s)) as blocker (pid)
left join pg_stat_activity as a on a.pid = blocker.pid
order by a.xact_start
limit 1
