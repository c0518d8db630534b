-- Nothing dangles when the platform deletes a user or a photo by itself, and the limits that the
-- workers match by are where `soloface match` can read them.
--
-- By hand: psql -v ON_ERROR_STOP=1 -1 -f 0006_consistency.sql
-- Every statement may be run again.

-- An outcome that names a user says `matched`, and goes with the user as `soloface erase` has it.
-- Not validated: the key that it replaces held for every row, and looking at each of them again
-- would keep the platform from writing to `users` meanwhile.
alter table face_match_outcomes drop constraint if exists face_match_outcomes_user_id_fkey;
alter table face_match_outcomes
    add constraint face_match_outcomes_user_id_fkey
    foreign key (user_id) references users (id) on delete cascade not valid;

-- What users who were deleted before now have left behind.
delete from photo_faces
using face_match_outcomes as o
where o.photo_id = photo_faces.photo_id
    and o.outcome = 'matched'
    and o.user_id is null
    and not exists (select from face_matches where face_matches.photo_face_id = photo_faces.id);
delete from face_match_outcomes where outcome = 'matched' and user_id is null;

-- The functions below run as whoever owns these tables, so that a platform's login needs no right
-- to them; hence the fixed search path, which `create function` cannot take from a variable.

-- The faces on photos that were matched with a user who is deleted: their vectors are the user's.
create or replace function soloface_forget_faces() returns trigger
language plpgsql security definer as $$
begin
    delete from photo_faces
    where id in (
        select gone.photo_face_id
        from gone
        where not exists (select from users where users.id = gone.user_id)
    );
    return null;
end
$$;

-- Outcomes of jobs that came before their photo was there are not tied to it by a key.
create or replace function soloface_forget_outcomes() returns trigger
language plpgsql security definer as $$
begin
    delete from face_match_outcomes where photo_id in (select gone.id from gone);
    return null;
end
$$;

-- `truncate users cascade` empties the tables that say whose the faces are, and fires nothing else.
create or replace function soloface_forget_all_faces() returns trigger
language plpgsql security definer as $$
begin
    delete from photo_faces where id in (select photo_face_id from face_matches);
    return null;
end
$$;

do $$
declare
    name text;
    path text := (select string_agg(quote_ident(s), ', ') from unnest(current_schemas(false)) as s);
begin
    foreach name in array array[
        'soloface_forget_faces', 'soloface_forget_outcomes', 'soloface_forget_all_faces'
    ] loop
        execute format(
            'alter function %I.%I() set search_path = %s, pg_temp', current_schema(), name, path
        );
        -- Else anybody could hang it on a table of theirs and have it delete what they name there.
        execute format('revoke all on function %I.%I() from public', current_schema(), name);
    end loop;
end
$$;

create or replace trigger soloface_forget_faces
    after delete on face_matches
    referencing old table as gone
    for each statement execute function soloface_forget_faces();
create or replace trigger soloface_forget_outcomes
    after delete on photos
    referencing old table as gone
    for each statement execute function soloface_forget_outcomes();
create or replace trigger soloface_forget_all_faces
    before truncate on users
    for each statement execute function soloface_forget_all_faces();

-- What the workers of each contract match by, written at their start.
create table if not exists face_match_limits (
    model text primary key,
    threshold double precision not null,
    max_distance double precision,
    min_margin double precision,
    version text not null,
    noted_at timestamptz not null default now()
);
comment on table face_match_limits is
    'what a worker of this contract matches by, as of its last start; null: no limit';

do $$
begin
    if to_regrole('soloface_worker') is not null then
        grant select, insert, update on face_match_limits to soloface_worker;
    end if;
    if to_regrole('soloface_reviewer') is not null then
        grant select on face_match_limits to soloface_reviewer;
    end if;
    if to_regrole('soloface_auditor') is not null then
        grant select on face_match_limits to soloface_auditor;
    end if;
end
$$;
