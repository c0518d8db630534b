-- Columns that our migrations would make and that are there with another type, or missing, in
-- tables that are there already.
select
    quote_ident(n.nspname) || '.' || quote_ident(c.relname) as relation,
    c.relkind::text as kind,
    wanted.name,
    wanted.type,
    format_type(a.atttypid, a.atttypmod) as has
from unnest(%(tables)s::text[], %(names)s::text[], %(types)s::text[])
    with ordinality as wanted (relation, name, type, ord)
join pg_class as c
    on c.relname = wanted.relation and c.relnamespace = to_regnamespace(quote_ident(current_schema()))
join pg_namespace as n on n.oid = c.relnamespace
left join pg_attribute as a
    on a.attrelid = c.oid and a.attname = wanted.name and a.attnum > 0 and not a.attisdropped
where c.relkind <> 'r' or a.attname is null or a.atttypid is distinct from to_regtype(wanted.type)
order by wanted.ord
