-- Tables and the like that are neither ours nor an extension's, with those first that may hold the
-- platform's photos or users under another name.
select
    quote_ident(n.nspname) || '.' || quote_ident(c.relname) as relation,
    c.relname ~* '(^|_)(photo|user)s?$' as is_likely
from pg_class as c
join pg_namespace as n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f')
    and not c.relispartition
    and n.nspname !~ '^(pg_|information_schema$)'
    and c.relname <> all(%(ours)s::text[])
    and not exists (
        select from pg_depend as d
        where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'
    )
order by is_likely desc, relation
limit 6
