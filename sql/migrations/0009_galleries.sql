-- Galleries: a photo that belongs to one is compared with its members only.
--
-- By hand: psql -v ON_ERROR_STOP=1 -1 -f 0009_galleries.sql
-- Every statement may be run again.

create table if not exists face_gallery_members (
    gallery text not null check (gallery ~ '^[A-Za-z0-9._:-]{1,128}$'),
    user_id uuid not null references users (id) on delete cascade,
    added_at timestamptz not null default now(),
    primary key (gallery, user_id)
);
create index if not exists face_gallery_members_user_id on face_gallery_members (user_id);
comment on table face_gallery_members is
    'who may be on the photos of a gallery; photo_faces.gallery says to which one a face belongs';

-- Which job has said so: one that was published before it does not move the face back.
alter table photo_faces add column if not exists gallery_at timestamptz;
create index if not exists photo_faces_gallery on photo_faces (gallery) where gallery is not null;

-- A limit that follows the number of users follows that of the members here. Without a row it is
-- the one for a single user.
create table if not exists face_gallery_limits (
    model text not null,
    gallery text not null,
    users bigint not null,
    primary key (model, gallery)
);
comment on column face_gallery_limits.users is
    'for how many members the limit holds at most: the enrolled ones, rounded up to 1, 2, 4, 8, …';

-- Where a gallery's limit moves, whoever is nearer than both or farther than both keeps the answer.
-- Where it grows, somebody beyond the old one may have come nearer than is noted. The limit is the
-- one that the workers come to: dataflow/gallery/limit.py.
create or replace function soloface_note_gallery_limits() returns trigger
language plpgsql security definer as $$
declare
    before double precision;
    now_is double precision;
begin
    if tg_op = 'INSERT' then
        insert into face_rematches (model, gallery) values (new.model, new.gallery);
        return null;
    end if;
    select
        least(l.fixed_distance, l.steps[least(cardinality(l.steps), log(2, old.users) + 1)::integer]),
        least(l.fixed_distance, l.steps[least(cardinality(l.steps), log(2, new.users) + 1)::integer])
    into before, now_is
    from face_match_limits as l
    where l.model = new.model and l.steps is not null;
    if before <> now_is then
        insert into face_rematches (model, gallery, above, upto)
        values (
            new.model, new.gallery, least(before, now_is),
            case when now_is > before then 'infinity' else before end
        );
    end if;
    return null;
end
$$;

-- Who was added or removed, by whatever statement. By those who are not enrolled nothing changes;
-- but whoever is removed may have been, until the statement before. Many of one gallery at once are
-- not looked for one by one: all of its faces are decided again.
create or replace function soloface_note_members() returns trigger
language plpgsql security definer as $$
declare
    galleries text[];
    user_ids uuid[];
    whose text := nullif(current_setting('soloface.by', true), '');
begin
    if tg_op = 'INSERT' then
        select array_agg(gallery), array_agg(user_id) into galleries, user_ids from present;
    elsif tg_op = 'DELETE' then
        select array_agg(gallery), array_agg(user_id) into galleries, user_ids from gone;
    else
        select array_agg(gallery), array_agg(user_id) into galleries, user_ids
        from (
            (select gallery, user_id from present except select gallery, user_id from gone)
            union all
            (select gallery, user_id from gone except select gallery, user_id from present)
        ) as moved;
    end if;
    with changed as (
        select c.gallery, c.user_id, count(*) over (partition by c.gallery) as many
        from unnest(galleries, user_ids) as c (gallery, user_id)
        where tg_op = 'DELETE' or not exists (
            select from users where users.id = c.user_id and users.face_embedding is null
        )
    ),
    models as (
        select model from face_match_limits
        union
        (select face_embedding_model from users where face_embedding is not null limit 1)
    )
    insert into face_rematches (user_id, model, gallery, by)
    select user_id, null, gallery, whose from changed where many <= 1000
    union all
    select distinct null::uuid, models.model, gallery, whose
    from changed
    cross join models
    where many > 1000 and models.model is not null;
    return null;
end
$$;

create or replace function soloface_forget_members() returns trigger
language plpgsql security definer as $$
begin
    insert into face_rematches (model, gallery)
    select distinct f.model, f.gallery
    from photo_faces as f
    where f.gallery in (select gallery from face_gallery_members);
    return null;
end
$$;

-- A face that goes to another gallery takes its tag along until it was decided again.
create or replace function soloface_move_gallery() returns trigger
language plpgsql security definer as $$
begin
    update face_matches set on_gallery = new.gallery where photo_face_id = new.id;
    insert into face_rematches (photo_id) values (new.photo_id);
    return null;
end
$$;

do $$
declare
    name text;
    path text := (select string_agg(quote_ident(s), ', ') from unnest(current_schemas(false)) as s);
begin
    foreach name in array array[
        'soloface_note_gallery_limits', 'soloface_note_members', 'soloface_forget_members',
        'soloface_move_gallery'
    ] loop
        execute format(
            'alter function %I.%I() set search_path = %s, pg_temp', current_schema(), name, path
        );
        execute format('revoke all on function %I.%I() from public', current_schema(), name);
    end loop;
end
$$;

create or replace trigger soloface_note_gallery_limits
    after insert or update of users on face_gallery_limits
    for each row execute function soloface_note_gallery_limits();
create or replace trigger soloface_note_added_members
    after insert on face_gallery_members
    referencing new table as present
    for each statement execute function soloface_note_members();
create or replace trigger soloface_note_removed_members
    after delete on face_gallery_members
    referencing old table as gone
    for each statement execute function soloface_note_members();
create or replace trigger soloface_note_moved_members
    after update on face_gallery_members
    referencing old table as gone new table as present
    for each statement execute function soloface_note_members();
create or replace trigger soloface_forget_members
    before truncate on face_gallery_members
    for each statement execute function soloface_forget_members();
create or replace trigger soloface_move_gallery
    after update of gallery on photo_faces
    for each row
    when (new.gallery is distinct from old.gallery)
    execute function soloface_move_gallery();

do $$
begin
    if to_regrole('soloface_worker') is not null then
        grant select on face_gallery_members to soloface_worker;
        grant select, insert, update on face_gallery_limits to soloface_worker;
    end if;
    if to_regrole('soloface_reviewer') is not null then
        grant select on face_gallery_members, face_gallery_limits to soloface_reviewer;
    end if;
    if to_regrole('soloface_enroller') is not null then
        grant select, insert, update, delete on face_gallery_members to soloface_enroller;
        grant select (model, gallery_required, noted_at) on face_match_limits to soloface_enroller;
    end if;
    if to_regrole('soloface_eraser') is not null then
        grant select, delete on face_gallery_members to soloface_eraser;
    end if;
    if to_regrole('soloface_auditor') is not null then
        grant select (gallery, gallery_at) on photo_faces to soloface_auditor;
        grant select on face_gallery_members, face_gallery_limits to soloface_auditor;
    end if;
end
$$;
