-- The workers keep the gallery in memory, and PostgreSQL tells them who has changed since they read
-- it.
--
-- By hand: psql -v ON_ERROR_STOP=1 -1 -f 0012_memory.sql
-- Every statement may be run again.

-- Whose vector or galleries a transaction has changed; no user: everybody's. A row is seen exactly by
-- those who see the change, and it is not in a memory that was read in a snapshot in which its
-- transaction is not visible.
create table if not exists face_user_changes (
    xid xid8 not null default pg_current_xact_id(),
    user_id uuid,
    noted_at timestamptz not null default clock_timestamp()
);
create index if not exists face_user_changes_xid on face_user_changes (xid);
alter table face_user_changes set (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_insert_threshold = -1
);

-- Which memory may be used. A server that crashed, or another one that took its place, may have lost
-- transactions and give their numbers to others; but it has emptied this table, since the table is
-- not logged, and no memory from before holds then. `pruned` is the greatest number that was removed
-- above: a memory must not need it.
create unlogged table if not exists face_memory (
    only_row boolean primary key default true check (only_row),
    mark uuid not null default gen_random_uuid(),
    pruned xid8 not null default '0'
);
insert into face_memory default values on conflict do nothing;

-- The functions below run as whoever owns these tables, like those of 0006.

-- Of `users`, whatever the platform writes there: it looks at the vector and goes.
create or replace function soloface_stamp_user() returns trigger
language plpgsql security definer as $$
begin
    if tg_op = 'UPDATE' then
        if new.face_embedding is not distinct from old.face_embedding
            and new.face_embedding_model is not distinct from old.face_embedding_model
            and new.id = old.id
        then
            return null;
        end if;
        insert into face_user_changes (user_id) select old.id union select new.id;
    elsif tg_op = 'INSERT' then
        if new.face_embedding is not null then
            insert into face_user_changes (user_id) values (new.id);
        end if;
    elsif old.face_embedding is not null then
        insert into face_user_changes (user_id) values (old.id);
    end if;
    return null;
end
$$;

create or replace function soloface_stamp_member() returns trigger
language plpgsql security definer as $$
begin
    if tg_op <> 'INSERT' then
        insert into face_user_changes (user_id) values (old.user_id);
    end if;
    if tg_op <> 'DELETE' then
        insert into face_user_changes (user_id) values (new.user_id);
    end if;
    return null;
end
$$;

create or replace function soloface_stamp_all() returns trigger
language plpgsql security definer as $$
begin
    insert into face_user_changes (user_id) values (null);
    return null;
end
$$;

do $$
declare
    name text;
    path text := (select string_agg(quote_ident(s), ', ') from unnest(current_schemas(false)) as s);
begin
    foreach name in array array[
        'soloface_stamp_user', 'soloface_stamp_member', 'soloface_stamp_all'
    ] loop
        execute format(
            'alter function %I.%I() set search_path = %s, pg_temp', current_schema(), name, path
        );
        execute format('revoke all on function %I.%I() from public', current_schema(), name);
    end loop;
end
$$;

create or replace trigger soloface_stamp_user
    after insert or update or delete on users
    for each row execute function soloface_stamp_user();
create or replace trigger soloface_stamp_all_users
    before truncate on users
    for each statement execute function soloface_stamp_all();
-- By row: replication fires no others.
create or replace trigger soloface_stamp_member
    after insert or update or delete on face_gallery_members
    for each row execute function soloface_stamp_member();
create or replace trigger soloface_stamp_all_members
    before truncate on face_gallery_members
    for each statement execute function soloface_stamp_all();
-- Also for what replication or a restore writes.
alter table users enable always trigger soloface_stamp_user;
alter table users enable always trigger soloface_stamp_all_users;
alter table face_gallery_members enable always trigger soloface_stamp_member;
alter table face_gallery_members enable always trigger soloface_stamp_all_members;

-- What watches over the memory: the server's start, the mark, the four triggers and the columns that
-- they look at. Whoever disables a trigger, even for a moment, changes its row here; so does a
-- column's new type, and a table that takes another's place. Null: nothing watches, or not over all
-- of it.
create or replace function soloface_watch() returns text
language sql stable as $$
    select
        case when count(*) = 10 then string_agg(part, ' ' order by part) end
    from (
        select
            concat_ws(
                '.', 'mark', d.oid, extract(epoch from pg_postmaster_start_time()), m.tableoid,
                m.mark
            ) as part
        from face_memory as m
        cross join pg_database as d
        where d.datname = current_database()
        union all
        select concat_ws('.', 'trigger', oid, xmin)
        from pg_trigger
        where tgrelid in (to_regclass('users'), to_regclass('face_gallery_members'))
            and tgname like 'soloface\_stamp\_%' and tgenabled in ('O', 'A')
        union all
        select concat_ws('.', 'column', attrelid, attnum, xmin)
        from pg_attribute
        where (
                attrelid = to_regclass('users')
                and attname in ('id', 'face_embedding', 'face_embedding_model')
            ) or (
                attrelid = to_regclass('face_gallery_members') and attname in ('gallery', 'user_id')
            )
    ) as watched
    -- Of a table in parts, each part can be changed by itself.
    where not exists (
        select from pg_class
        where oid in (to_regclass('users'), to_regclass('face_gallery_members'))
            and (relkind <> 'r' or relhassubclass)
    )
$$;

do $$
begin
    if to_regrole('soloface_worker') is not null then
        grant select, delete on face_user_changes to soloface_worker;
        grant select, insert, update on face_memory to soloface_worker;
    end if;
    if to_regrole('soloface_reviewer') is not null then
        grant select on face_user_changes, face_memory to soloface_reviewer;
    end if;
    if to_regrole('soloface_auditor') is not null then
        grant select on face_user_changes, face_memory to soloface_auditor;
    end if;
end
$$;
