-- Tags that stay true: what has to be matched again after a change, the outbox from which every
-- change of a tag is told, words that need no vector, and withdrawals that hold.
--
-- By hand: psql -v ON_ERROR_STOP=1 -1 -f 0007_tags.sql
-- Every statement may be run again.

-- A tag is a row of face_matches. A person's word needs no distance.
alter table face_matches alter column confidence drop not null;
comment on column face_matches.confidence is
    'cosine distance in [0, 2]; smaller is surer; null: somebody said so, and there is no vector';
-- Which face it is on, also for who sees the row only when it goes with its face. Named so that no
-- query of the platform's, which joins both tables, finds a column twice.
alter table face_matches add column if not exists on_photo_id uuid;
alter table face_matches add column if not exists on_face_index integer;
-- In which gallery the face is. A gallery is some of the users: only they are looked at for it.
alter table photo_faces add column if not exists gallery text;
alter table face_matches add column if not exists on_gallery text;
update face_matches as m
set on_photo_id = f.photo_id, on_face_index = f.face_index
from photo_faces as f
where f.id = m.photo_face_id and m.on_photo_id is null;

-- What a face was last compared with: the two nearest users that are not ruled out. A change of
-- anybody else who is farther than both changes nothing.
alter table photo_faces add column if not exists nearest_user_id uuid;
alter table photo_faces add column if not exists nearest_distance double precision;
alter table photo_faces add column if not exists second_user_id uuid;
alter table photo_faces add column if not exists second_distance double precision;
create index if not exists photo_faces_nearest_user_id
    on photo_faces (nearest_user_id) where nearest_user_id is not null;
create index if not exists photo_faces_second_user_id
    on photo_faces (second_user_id) where second_user_id is not null;
-- Out of line, looking through all vectors takes several times as long. Old rows stay as they are.
alter table photo_faces alter column embedding set storage plain;

-- A near miss: who it would have been. Not keys: a user may go between the search and the write.
alter table face_match_outcomes add column if not exists nearest_user_id uuid;
alter table face_match_outcomes add column if not exists second_user_id uuid;
create index if not exists face_match_outcomes_nearest_user_id
    on face_match_outcomes (nearest_user_id) where nearest_user_id is not null;
create index if not exists face_match_outcomes_second_user_id
    on face_match_outcomes (second_user_id) where second_user_id is not null;

-- One word may say that a photo shows nobody who is to be tagged; it names no user.
alter table face_match_decisions drop constraint if exists face_match_decisions_pkey;
alter table face_match_decisions alter column user_id drop not null;
alter table face_match_decisions add column if not exists face_index integer;
comment on column face_match_decisions.face_index is
    'which of several faces shows the confirmed user; null: there is one, or it was not said';
alter table face_match_decisions drop constraint if exists face_match_decisions_decision_check;
alter table face_match_decisions add constraint face_match_decisions_decision_check
    check (decision in ('confirmed', 'rejected', 'nobody'));
alter table face_match_decisions drop constraint if exists face_match_decisions_nobody_check;
alter table face_match_decisions add constraint face_match_decisions_nobody_check
    check ((decision = 'nobody') = (user_id is null));
create unique index if not exists face_match_decisions_photo_user
    on face_match_decisions (photo_id, user_id);
drop index if exists face_match_decisions_confirmed;
create unique index if not exists face_match_decisions_settled
    on face_match_decisions (photo_id) where decision in ('confirmed', 'nobody');

-- Who does not want to be recognised any more, and the photos whose faces went with that. No vector
-- and no name: without the ids, the next sweep would bring the faces back.
create table if not exists face_withdrawals (
    user_id uuid primary key,
    withdrawn_by text,
    withdrawn_at timestamptz not null default now()
);
create table if not exists face_withdrawn_photos (
    photo_id uuid not null,
    user_id uuid not null,
    withdrawn_at timestamptz not null default now(),
    primary key (photo_id, user_id)
);
create index if not exists face_withdrawn_photos_user_id on face_withdrawn_photos (user_id);

-- Under which terms and when somebody agreed, if that was said.
alter table face_enrolments add column if not exists consent text;
alter table face_enrolments add column if not exists consented_at timestamptz;

-- What has to be matched again: the faces that a user may change, a photo's, or all of a contract.
create table if not exists face_rematches (
    id bigint generated always as identity primary key,
    user_id uuid,
    photo_id uuid,
    model text,
    -- Of a contract: only faces that were recorded or changed since then.
    since timestamptz,
    -- Only faces of this gallery; of those without one if it is empty.
    gallery text,
    cause text not null default 'rematch',
    by text,
    requested_at timestamptz not null default now(),
    -- How far the table of faces was looked through for it, in blocks, how far it went when that
    -- began, and of which file. What is written behind that has seen the change.
    place bigint not null default 0,
    blocks bigint not null default 0,
    file oid,
    check (num_nonnulls(user_id, photo_id, model) = 1)
);

-- What was tagged before all this is the answer of its day: whoever enrolled later was not looked
-- for. So all of it is matched again once.
insert into face_rematches (model)
select distinct f.model
from photo_faces as f
where f.model in (select u.face_embedding_model from users as u where u.face_embedding is not null)
    and not exists (
        select from pg_trigger
        where tgname = 'soloface_note_user' and tgrelid = 'users'::regclass
    );

-- Changes of tags that were not told yet.
create table if not exists face_outbox (
    seq bigint generated always as identity primary key,
    photo_id uuid not null,
    face_index integer not null,
    gallery text,
    change text not null check (change in ('gained', 'lost', 'moved', 'remeasured')),
    user_id uuid,
    previous_user_id uuid,
    distance double precision,
    cause text not null,
    by text,
    changed_at timestamptz not null default now(),
    noted_at timestamptz not null default now()
);
-- By it the oldest change of each photo is found without reading all the others of that photo.
create index if not exists face_outbox_photo_id on face_outbox (photo_id, seq);
-- Rows come and go; what is left of them would have to be read over.
alter table face_outbox set (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_insert_threshold = -1
);

-- What the listener of the feed has to know of the tags that were there before it.
insert into face_outbox (photo_id, face_index, change, user_id, distance, cause, changed_at)
select
    m.on_photo_id, m.on_face_index, 'gained', m.user_id, m.confidence, 'job',
    -- The platform may have written anything there.
    greatest('epoch', least(m.created_at, now()))
from face_matches as m
where not exists (
    select from pg_trigger
    where tgname = 'soloface_tell_gained' and tgrelid = 'face_matches'::regclass
)
order by m.created_at;

-- The functions below run as whoever owns these tables, like those of 0006. Why a tag changes, and
-- by whose word, is what the transaction has set as soloface.cause and soloface.by; without that it
-- was the platform itself.

create or replace function soloface_place_match() returns trigger
language plpgsql security definer as $$
begin
    select f.photo_id, f.face_index, f.gallery
    into new.on_photo_id, new.on_face_index, new.on_gallery
    from photo_faces as f where f.id = new.photo_face_id;
    return new;
end
$$;

-- Whoever has withdrawn is not tagged, by whatever statement. Our own leave them out before.
create or replace function soloface_refuse_tag() returns trigger
language plpgsql security definer as $$
begin
    if exists (select from face_withdrawals as w where w.user_id = new.user_id) then
        raise exception 'user % has withdrawn and is not tagged any more', new.user_id
            using errcode = 'check_violation', constraint = 'face_withdrawals',
            hint = 'Once they have agreed again: soloface enroll --again';
    end if;
    return new;
end
$$;

-- A face that goes to another photo, as where a platform joins two, takes its tag along.
create or replace function soloface_move_face() returns trigger
language plpgsql security definer as $$
begin
    update face_matches
    set on_photo_id = new.photo_id, on_face_index = new.face_index
    where photo_face_id = new.id;
    insert into face_rematches (photo_id) values (old.photo_id), (new.photo_id);
    return null;
end
$$;

-- A look through all faces goes by their places, and what somebody else writes takes another one.
-- What we write ourselves was decided by what is known then.
create or replace function soloface_note_face() returns trigger
language plpgsql security definer as $$
begin
    if (new.embedding, new.model) is distinct from (old.embedding, old.model)
        or exists (select from face_rematches where photo_id is null)
    then
        insert into face_rematches (photo_id) values (new.photo_id);
    end if;
    return null;
end
$$;

create or replace function soloface_tell_gained() returns trigger
language plpgsql security definer as $$
begin
    insert into face_outbox (photo_id, face_index, gallery, change, user_id, distance, cause, by)
    select
        on_photo_id, on_face_index, on_gallery, 'gained', user_id, confidence,
        coalesce(nullif(current_setting('soloface.cause', true), ''), 'platform'),
        nullif(current_setting('soloface.by', true), '')
    from present;
    return null;
end
$$;

create or replace function soloface_tell_lost() returns trigger
language plpgsql security definer as $$
begin
    insert into face_outbox (photo_id, face_index, gallery, change, previous_user_id, cause, by)
    select
        on_photo_id, on_face_index, on_gallery, 'lost', user_id,
        coalesce(nullif(current_setting('soloface.cause', true), ''), 'platform'),
        nullif(current_setting('soloface.by', true), '')
    from gone;
    return null;
end
$$;

create or replace function soloface_tell_moved() returns trigger
language plpgsql security definer as $$
begin
    insert into face_outbox (
        photo_id, face_index, gallery, change, user_id, previous_user_id, distance, cause, by
    )
    select
        told.on_photo_id, told.on_face_index, told.on_gallery, told.change, told.user_id,
        told.previous_user_id, told.confidence,
        coalesce(nullif(current_setting('soloface.cause', true), ''), 'platform'),
        nullif(current_setting('soloface.by', true), '')
    from (
        select
            present.on_photo_id, present.on_face_index, present.on_gallery,
            case when present.user_id = gone.user_id then 'remeasured' else 'moved' end as change,
            present.user_id, gone.user_id as previous_user_id, present.confidence
        from present
        join gone using (id)
        where (present.user_id, present.confidence, present.on_gallery)
                is distinct from (gone.user_id, gone.confidence, gone.on_gallery)
            and (present.on_photo_id, present.on_face_index)
                is not distinct from (gone.on_photo_id, gone.on_face_index)
        union all
        select
            gone.on_photo_id, gone.on_face_index, gone.on_gallery, 'lost', null, gone.user_id, null
        from present
        join gone using (id)
        where (present.on_photo_id, present.on_face_index)
            is distinct from (gone.on_photo_id, gone.on_face_index)
        union all
        select
            present.on_photo_id, present.on_face_index, present.on_gallery, 'gained',
            present.user_id, null, present.confidence
        from present
        join gone using (id)
        where (present.on_photo_id, present.on_face_index)
            is distinct from (gone.on_photo_id, gone.on_face_index)
    ) as told
    -- Another face may have been at that place: it is lost there before this one is gained.
    order by told.change desc;
    return null;
end
$$;

create or replace function soloface_tell_all_lost() returns trigger
language plpgsql security definer as $$
begin
    insert into face_outbox (photo_id, face_index, gallery, change, previous_user_id, cause)
    select on_photo_id, on_face_index, on_gallery, 'lost', user_id, 'platform' from face_matches;
    return null;
end
$$;

-- Of `users`, whatever the platform writes there: it looks at the vector and goes.
create or replace function soloface_note_user() returns trigger
language plpgsql security definer as $$
begin
    if tg_op = 'DELETE' then
        if old.face_embedding is null then
            return null;
        end if;
        insert into face_withdrawals (user_id, withdrawn_by)
        values (old.id, nullif(current_setting('soloface.by', true), ''))
        on conflict (user_id) do nothing;
    elsif new.face_embedding is not null
        and exists (select from face_withdrawals as w where w.user_id = new.id)
    then
        raise exception 'user % has withdrawn and is not recognised any more', new.id
            using errcode = 'check_violation', constraint = 'face_withdrawals',
            hint = 'Once they have agreed again: soloface enroll --again';
    elsif tg_op = 'INSERT' then
        if new.face_embedding is null then
            return null;
        end if;
    elsif new.face_embedding is not distinct from old.face_embedding
        and new.face_embedding_model is not distinct from old.face_embedding_model
        and (new.id = old.id or new.face_embedding is null)
    then
        return null;
    end if;
    if tg_op = 'DELETE' or new.face_embedding is null or new.id <> old.id then
        update face_match_outcomes set nearest_user_id = null where nearest_user_id = old.id;
        update face_match_outcomes set second_user_id = null where second_user_id = old.id;
    end if;
    -- A move to another contract asks for all faces at once.
    if coalesce(current_setting('soloface.cause', true), '') <> 'reembedded' then
        insert into face_rematches (user_id, by)
        select changed.id, nullif(current_setting('soloface.by', true), '')
        from unnest(
            case tg_op
                when 'DELETE' then array[old.id]
                when 'INSERT' then array[new.id]
                when 'UPDATE' then array[old.id] || nullif(new.id, old.id)
            end
        ) as changed (id)
        where changed.id is not null;
    end if;
    return null;
end
$$;

create or replace function soloface_note_word() returns trigger
language plpgsql security definer as $$
begin
    if tg_op = 'DELETE' then
        -- Whoever goes with their row in `users` has withdrawn; the photo is known to show them.
        if old.decision = 'confirmed'
            and not exists (select from users where users.id = old.user_id)
        then
            insert into face_withdrawals (user_id) values (old.user_id) on conflict do nothing;
            insert into face_withdrawn_photos (photo_id, user_id)
            select id, old.user_id from photos where id = old.photo_id
            on conflict do nothing;
            delete from photo_faces as f
            where f.photo_id = old.photo_id
                and not exists (
                    select from face_matches as m
                    where m.photo_face_id = f.id and m.user_id <> old.user_id
                );
        end if;
    elsif new.decision = 'confirmed'
        and exists (select from face_withdrawals as w where w.user_id = new.user_id)
    then
        raise exception 'user % has withdrawn and is not tagged any more', new.user_id
            using errcode = 'check_violation', constraint = 'face_withdrawals',
            hint = 'Once they have agreed again: soloface enroll --again';
    end if;
    insert into face_rematches (photo_id, by)
    values (
        case tg_op when 'DELETE' then old.photo_id else new.photo_id end,
        nullif(current_setting('soloface.by', true), '')
    );
    return null;
end
$$;

-- The faces on photos that were matched with a user who is deleted: their vectors are the user's,
-- and their photos are not looked at again. A face that nobody is tagged on, beside the user's, may
-- be the same face under another number: a photo that shows one person has only one.
create or replace function soloface_forget_faces() returns trigger
language plpgsql security definer as $$
begin
    insert into face_withdrawals (user_id)
    select distinct gone.user_id
    from gone
    where not exists (select from users where users.id = gone.user_id)
    on conflict do nothing;
    insert into face_withdrawn_photos (photo_id, user_id)
    select distinct gone.on_photo_id, gone.user_id
    from gone
    where not exists (select from users where users.id = gone.user_id)
        and exists (select from photos where photos.id = gone.on_photo_id)
    on conflict do nothing;
    delete from photo_faces as f
    where f.photo_id in (
            select gone.on_photo_id
            from gone
            where not exists (select from users where users.id = gone.user_id)
        )
        and not exists (select from face_matches as m where m.photo_face_id = f.id);
    return null;
end
$$;

-- A platform may write a withdrawal itself, from its own list of those who opted out.
create or replace function soloface_withdraw() returns trigger
language plpgsql security definer as $$
begin
    with shown as (
        insert into face_withdrawn_photos (photo_id, user_id)
        select on_photo_id, user_id from face_matches where user_id = new.user_id
        union
        select photo_id, user_id from face_match_decisions
        where user_id = new.user_id and decision = 'confirmed'
        on conflict do nothing
        returning photo_id
    )
    delete from photo_faces as f
    where f.photo_id in (select photo_id from shown)
        and not exists (
            select from face_matches as m
            where m.photo_face_id = f.id and m.user_id <> new.user_id
        );
    delete from face_match_decisions where user_id = new.user_id and decision = 'confirmed';
    delete from face_gallery_members where user_id = new.user_id;
    update users
    set face_embedding = null, face_embedding_model = null, face_enrolled_at = null
    where id = new.user_id and face_embedding is not null;
    return null;
end
$$;

create or replace function soloface_forget_outcomes() returns trigger
language plpgsql security definer as $$
begin
    delete from face_match_outcomes where photo_id in (select gone.id from gone);
    delete from face_withdrawn_photos where photo_id in (select gone.id from gone);
    return null;
end
$$;

create or replace function soloface_forget_all_faces() returns trigger
language plpgsql security definer as $$
begin
    insert into face_withdrawn_photos (photo_id, user_id)
    select on_photo_id, user_id from face_matches
    union
    select photo_id, user_id from face_match_decisions where decision = 'confirmed'
    on conflict do nothing;
    insert into face_withdrawals (user_id)
    select id from users where face_embedding is not null
    union
    select user_id from face_withdrawn_photos
    on conflict do nothing;
    insert into face_rematches (model) select distinct model from photo_faces;
    delete from photo_faces
    where photo_id in (select photo_id from face_withdrawn_photos);
    return null;
end
$$;

-- `truncate photos` fires nothing else; the photos' other rows go by their keys.
create or replace function soloface_forget_all_photos() returns trigger
language plpgsql security definer as $$
begin
    delete from face_match_outcomes
    where known_photo_id is null and photo_id in (select id from photos);
    delete from face_withdrawn_photos where photo_id in (select id from photos);
    return null;
end
$$;

do $$
declare
    name text;
    path text := (select string_agg(quote_ident(s), ', ') from unnest(current_schemas(false)) as s);
begin
    foreach name in array array[
        'soloface_place_match', 'soloface_refuse_tag', 'soloface_move_face', 'soloface_note_face',
        'soloface_withdraw', 'soloface_tell_gained', 'soloface_tell_lost',
        'soloface_tell_moved', 'soloface_tell_all_lost', 'soloface_note_user',
        'soloface_note_word', 'soloface_forget_faces',
        'soloface_forget_outcomes', 'soloface_forget_all_faces', 'soloface_forget_all_photos'
    ] loop
        execute format(
            'alter function %I.%I() set search_path = %s, pg_temp', current_schema(), name, path
        );
        execute format('revoke all on function %I.%I() from public', current_schema(), name);
    end loop;
end
$$;

create or replace trigger soloface_place_match
    before insert on face_matches
    for each row when (new.on_photo_id is null) execute function soloface_place_match();
create or replace trigger soloface_place_match_again
    before update of photo_face_id on face_matches
    for each row execute function soloface_place_match();
create or replace trigger soloface_refuse_tag
    before insert or update of user_id on face_matches
    for each row execute function soloface_refuse_tag();
create or replace trigger soloface_move_face
    after update of photo_id, face_index on photo_faces
    for each row
    when ((new.photo_id, new.face_index) is distinct from (old.photo_id, old.face_index))
    execute function soloface_move_face();
create or replace trigger soloface_note_face
    after update on photo_faces
    for each row when (coalesce(current_setting('soloface.cause', true), '') = '')
    execute function soloface_note_face();
-- Not by our own triggers, which have done all that before.
create or replace trigger soloface_withdraw
    after insert on face_withdrawals
    for each row when (pg_trigger_depth() = 0) execute function soloface_withdraw();
create or replace trigger soloface_tell_gained
    after insert on face_matches
    referencing new table as present
    for each statement execute function soloface_tell_gained();
create or replace trigger soloface_tell_lost
    after delete on face_matches
    referencing old table as gone
    for each statement execute function soloface_tell_lost();
create or replace trigger soloface_tell_moved
    after update on face_matches
    referencing old table as gone new table as present
    for each statement execute function soloface_tell_moved();
create or replace trigger soloface_tell_all_lost
    before truncate on face_matches
    for each statement execute function soloface_tell_all_lost();
-- Without naming columns: a column that a trigger names cannot be given another length.
create or replace trigger soloface_note_user
    after insert or update or delete on users
    for each row execute function soloface_note_user();
create or replace trigger soloface_note_word
    after insert or update or delete on face_match_decisions
    for each row execute function soloface_note_word();
create or replace trigger soloface_forget_all_photos
    before truncate on photos
    for each statement execute function soloface_forget_all_photos();
do $$
begin
    if to_regrole('soloface_worker') is not null then
        grant select, update, delete on face_matches to soloface_worker;
        grant select (face_index) on face_match_decisions to soloface_worker;
        grant select, delete on face_outbox to soloface_worker;
        grant select, insert, update, delete on face_rematches to soloface_worker;
        grant select, insert on face_withdrawn_photos to soloface_worker;
        grant select on face_withdrawals to soloface_worker;
    end if;
    if to_regrole('soloface_reviewer') is not null then
        grant select, insert, update, delete on face_matches to soloface_reviewer;
        grant select
            on photo_faces, face_match_outcomes, face_withdrawals, face_withdrawn_photos
            to soloface_reviewer;
        -- Locking a user who is tagged takes the right to update some column.
        grant update (face_enrolled_at) on users to soloface_reviewer;
        grant
            update (
                nearest_user_id, nearest_distance, second_user_id, second_distance
            )
        on photo_faces to soloface_reviewer;
        grant
            update (nearest_user_id, second_user_id, model)
        on face_match_outcomes to soloface_reviewer;
        grant insert (photo_id, cause, by) on face_rematches to soloface_reviewer;
    end if;
    if to_regrole('soloface_enroller') is not null then
        grant select, delete on face_withdrawals, face_withdrawn_photos to soloface_enroller;
    end if;
    if to_regrole('soloface_eraser') is not null then
        grant select, insert, update on face_withdrawals to soloface_eraser;
        grant select, insert on face_withdrawn_photos to soloface_eraser;
        grant select (decision) on face_match_decisions to soloface_eraser;
    end if;
    if to_regrole('soloface_auditor') is not null then
        grant select
            on face_outbox, face_rematches, face_withdrawals, face_withdrawn_photos
            to soloface_auditor;
    end if;
end
$$;
