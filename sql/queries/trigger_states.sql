-- Of some triggers, and of the foreign keys of some tables, those that do not fire: what it is, of
-- which table, and whether it is there at all.
select wanted.name, wanted.table_name, 'trigger', t.oid is not null
from unnest(%(names)s::text[], %(tables)s::text[]) as wanted (name, table_name)
left join pg_trigger as t
    on t.tgname = wanted.name and t.tgrelid = to_regclass(wanted.table_name)
where t.tgenabled is null or t.tgenabled not in ('O', 'A')
union
select c.conname::text, k.relname::text, 'foreign key', true
from pg_constraint as c
join pg_class as k on k.oid = c.conrelid
join pg_trigger as t on t.tgconstraint = c.oid
where c.contype = 'f'
    and c.conrelid in (select to_regclass(own.name) from unnest(%(own)s::text[]) as own (name))
    and t.tgenabled not in ('O', 'A')
order by 2, 1
