-- Another migration, else whoever has held a table that migrations alter for longest. What others
-- run is theirs to see.
select a.pid, a.usename::text, a.application_name, a.state, a.xact_start, a.query_start
from pg_locks as l
left join pg_stat_activity as a on a.pid = l.pid
where l.granted
    and l.pid is distinct from pg_backend_pid()
    and l.database = (select oid from pg_database where datname = current_database())
    and case l.locktype
        when 'advisory' then
            l.classid::bigint = %(lock)s >> 32 and l.objid::bigint = %(lock)s & 4294967295
        when 'relation' then l.relation in (
            select oid from pg_class
            where relkind in ('r', 'p') and pg_table_is_visible(oid)
                and (relname in ('photos', 'users', 'user_embeddings') or relname ~ '^(photo_)?face')
        )
    end
order by l.locktype = 'advisory' desc, a.xact_start
limit 1
