-- A limit that follows the gallery: the row of a contract keeps what its users can bear, and the
-- distance that this comes to for so many users. And a change of the distance alone has only those
-- faces matched again whose answer it can change.
--
-- By hand: psql -v ON_ERROR_STOP=1 -1 -f 0008_limits.sql
-- Every statement may be run again.

-- What max_distance comes from. It stays what decides.
alter table face_match_limits add column if not exists fixed_distance double precision;
alter table face_match_limits add column if not exists max_fpir double precision;
alter table face_match_limits add column if not exists lowest_far double precision;
alter table face_match_limits add column if not exists steps double precision[];
alter table face_match_limits add column if not exists users bigint;
alter table face_match_limits
    add column if not exists gallery_required boolean not null default false;
comment on column face_match_limits.fixed_distance is
    'the distance that was set, SOLOFACE_MATCH__MAX_DISTANCE; null: none';
comment on column face_match_limits.max_fpir is
    'the share of strangers'' photos that may get a wrong tag; null: the limit does not follow';
comment on column face_match_limits.lowest_far is
    'the smallest false accept rate for which the pack''s distance is known';
comment on column face_match_limits.steps is
    'the distance for at most 1, 2, 4, 8, … users; the last one also holds for more';
comment on column face_match_limits.users is
    'for how many users max_distance holds at most: the enrolled ones, rounded up to such a number';
comment on column face_match_limits.gallery_required is
    'whether faces without a gallery are compared with nobody, SOLOFACE_MATCH__GALLERY=required';

do $$
begin
    if not exists (
        select from pg_attribute
        where attrelid = 'face_match_limits'::regclass and attname = 'exact_to' and not attisdropped
    ) then
        alter table face_match_limits
            add column exact_to double precision not null default 'infinity';
        update face_match_limits
        set fixed_distance = max_distance,
            exact_to = coalesce(max_distance + greatest(coalesce(min_margin, 0), 0.15), 'infinity');
    end if;
end
$$;
comment on column face_match_limits.exact_to is
    'up to this distance photo_faces.nearest_distance can be relied on: whoever came later and '
    'farther off was not looked at';

-- Of a contract: only faces whose nearest user lies in this band, or is not known.
alter table face_rematches add column if not exists above double precision;
alter table face_rematches add column if not exists upto double precision;

-- Before the row is written. Whoever writes the distance alone sets it: an older worker, or somebody
-- by hand. The 0.15 is NEAR_MISS of dataflow/steps/matching.py: how far beyond the limit a user is
-- looked at.
create or replace function soloface_weigh_limits() returns trigger
language plpgsql security definer as $$
declare
    reach double precision := coalesce(
        new.max_distance + greatest(coalesce(new.min_margin, 0), 0.15), 'infinity'
    );
begin
    if tg_op = 'INSERT' then
        if new.steps is null then
            new.fixed_distance := new.max_distance;
        end if;
        new.exact_to := reach;
        return new;
    end if;
    if new.max_distance is distinct from old.max_distance
        and (new.fixed_distance, new.max_fpir, new.lowest_far, new.steps, new.users)
            is not distinct from
            (old.fixed_distance, old.max_fpir, old.lowest_far, old.steps, old.users)
    then
        new.fixed_distance := new.max_distance;
        new.max_fpir := null;
        new.lowest_far := null;
        new.steps := null;
        new.users := null;
    end if;
    if (new.min_margin, new.gallery_required)
            is distinct from (old.min_margin, old.gallery_required)
        or coalesce(new.max_distance, 'infinity') > old.exact_to
    then
        new.exact_to := reach;  -- all that is not known exactly is looked at again
    else
        new.exact_to := least(old.exact_to, reach);
    end if;
    return new;
end
$$;

-- The first worker of a contract: reembed may have matched its faces by other limits. Where the
-- distance alone has changed, whoever is nearer than both or farther than both keeps the answer.
-- Beyond `exact_to` somebody may have come nearer than is noted. Galleries that have limits of their
-- own, by the same steps, have their faces matched again where those move (0009).
create or replace function soloface_note_limits() returns trigger
language plpgsql security definer as $$
declare
    low double precision;
    high double precision;
begin
    if tg_op = 'INSERT'
        or (old.min_margin, old.gallery_required)
            is distinct from (new.min_margin, new.gallery_required)
        or (
            (old.steps, old.fixed_distance) is distinct from (new.steps, new.fixed_distance)
            and num_nonnulls(old.steps, new.steps) > 0
            and exists (select from face_gallery_limits as g where g.model = new.model)
        )
    then
        insert into face_rematches (model) values (new.model);
    elsif old.max_distance is distinct from new.max_distance then
        low := least(old.max_distance, new.max_distance);
        high := greatest(
            coalesce(old.max_distance, 'infinity'), coalesce(new.max_distance, 'infinity')
        );
        if coalesce(new.max_distance, 'infinity') > old.exact_to then
            low := least(low, old.exact_to);
            high := 'infinity';
        end if;
        insert into face_rematches (model, gallery, above, upto)
        values (
            new.model, case when num_nonnulls(old.steps, new.steps) = 2 then '' end, low, high
        );
    end if;
    return null;
end
$$;

do $$
declare
    name text;
    path text := (select string_agg(quote_ident(s), ', ') from unnest(current_schemas(false)) as s);
begin
    foreach name in array array['soloface_weigh_limits', 'soloface_note_limits'] loop
        execute format(
            'alter function %I.%I() set search_path = %s, pg_temp', current_schema(), name, path
        );
        execute format('revoke all on function %I.%I() from public', current_schema(), name);
    end loop;
end
$$;

create or replace trigger soloface_weigh_limits
    before insert or update on face_match_limits
    for each row execute function soloface_weigh_limits();
create or replace trigger soloface_note_limits
    after insert or update on face_match_limits
    for each row execute function soloface_note_limits();
