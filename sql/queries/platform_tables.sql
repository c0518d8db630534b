-- The platform's tables by name, where new ones would be made (the first schema of search_path) or,
-- failing that, where else search_path leads: what they are, and what refers to them can lean on.
select
    wanted.name,
    here.oid is not null as is_here,
    quote_ident(n.nspname) || '.' || quote_ident(c.relname) as relation,
    c.relkind::text as kind,
    c.relpersistence::text as persistence,
    pg_has_role(c.relowner, 'usage') as owned,
    pg_get_userbyid(c.relowner)::text as owner,
    has_table_privilege(c.oid, 'references') and has_table_privilege(c.oid, 'trigger') as may_refer,
    case when c.relkind = 'p' then pg_get_partkeydef(c.oid) end as partitioned_by,
    format_type(id.atttypid, id.atttypmod) as id_type,
    (
        with recursive base as (
            select t.oid, t.typtype, t.typbasetype from pg_type as t where t.oid = id.atttypid
            union all
            select t.oid, t.typtype, t.typbasetype
            from base join pg_type as t on base.typtype = 'd' and t.oid = base.typbasetype
        )
        select base.oid = 'pg_catalog.uuid'::regtype from base where base.typtype <> 'd'
    ) as is_uuid,
    exists (
        select from pg_index as i
        where i.indrelid = c.oid and i.indisunique and i.indisvalid and i.indimmediate
            and i.indpred is null and i.indnkeyatts = 1 and i.indkey[0] = id.attnum
    ) as is_unique,
    (
        select string_agg(
            quote_ident(a.attname) || ' ' || format_type(a.atttypid, a.atttypmod), ', '
            order by a.attnum
        )
        from pg_index as i
        join pg_attribute as a on a.attrelid = c.oid and a.attnum = any(i.indkey)
        where i.indrelid = c.oid and i.indisprimary
    ) as primary_key
from unnest(%(names)s::text[]) with ordinality as wanted (name, ord)
left join pg_class as here
    on here.relname = wanted.name and here.relnamespace = to_regnamespace(quote_ident(current_schema()))
left join pg_class as c on c.oid = coalesce(here.oid, to_regclass(wanted.name))
left join pg_namespace as n on n.oid = c.relnamespace
left join pg_attribute as id on id.attrelid = c.oid and id.attname = 'id' and not id.attisdropped
order by wanted.ord
