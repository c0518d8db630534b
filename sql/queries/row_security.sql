-- Tables whose row level security holds for this login, with each command that a worker needs: how
-- many policies let it pass, and whether one of them does so always.
with asked as (
    select relation, command, to_regclass(relation) as oid
    from unnest(%(tables)s::text[], %(commands)s::text[]) as t (relation, command)
)
select
    asked.relation,
    asked.command,
    count(p.oid) filter (where p.polpermissive) as policies,
    coalesce(
        bool_or(p.polpermissive and said.condition = 'true')
        and bool_and(p.polpermissive or said.condition = 'true'),
        false
    ) as unconditional,
    current_user::text
from asked
left join pg_policy as p
    on p.polrelid = asked.oid
    and p.polcmd in ('*', asked.command::"char")
    and exists (
        select from unnest(p.polroles) as role (oid)
        where role.oid = 0 or pg_has_role(role.oid, 'usage')
    )
cross join lateral (
    select pg_get_expr(
        case asked.command when 'a' then coalesce(p.polwithcheck, p.polqual) else p.polqual end,
        p.polrelid
    ) as condition
) as said
where asked.oid is not null and row_security_active(asked.oid)
group by asked.relation, asked.command
order by asked.relation, asked.command
