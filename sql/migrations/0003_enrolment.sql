-- Enrolment that can be explained and repeated, decisions of people, and room for two contracts.
--
-- By hand: psql -v ON_ERROR_STOP=1 -1 -f 0003_enrolment.sql
-- Every statement may be run again.

-- What the decision was based on.
alter table face_match_outcomes add column if not exists margin double precision;
comment on column face_match_outcomes.margin is
    'how much farther the second-best user was, as cosine distance; null: there was none';
alter table photo_faces add column if not exists quality jsonb;
-- Where the image was, so that another model can look at it.
alter table photo_faces add column if not exists image_ref text;
-- Null where the vector was made under an earlier contract: it is kept in photo_face_embeddings.
alter table photo_faces alter column embedding drop not null;

-- Who was enrolled by which photos.
create table if not exists face_enrolments (
    user_id uuid primary key references users (id) on delete cascade,
    model text not null,
    photos integer not null,
    -- The photos that were offered and the rules they had to pass: the same ones need no second look.
    fingerprint text not null,
    enrolled_by text,
    database_role text not null default session_user,
    -- The same as users.face_enrolled_at as long as nobody else has replaced the vector.
    enrolled_at timestamptz not null default now()
);
create table if not exists face_enrolment_photos (
    user_id uuid not null references face_enrolments (user_id) on delete cascade,
    sha256 text not null,
    ref text not null,
    quality jsonb,
    refused text,
    primary key (user_id, sha256)
);
comment on column face_enrolment_photos.ref is
    'minio://<bucket>/<key>, or the path of a file on the machine that enrolled';
comment on column face_enrolment_photos.refused is 'reason code; null: the photo was used';

-- What people have said of a photo. It outlives every re-run.
create table if not exists face_match_decisions (
    photo_id uuid not null references photos (id) on delete cascade,
    user_id uuid not null references users (id) on delete cascade,
    decision text not null check (decision in ('confirmed', 'rejected')),
    decided_by text,
    database_role text not null default session_user,
    decided_at timestamptz not null default now(),
    primary key (photo_id, user_id)
);
create index if not exists face_match_decisions_user_id on face_match_decisions (user_id);
create unique index if not exists face_match_decisions_confirmed
    on face_match_decisions (photo_id) where decision = 'confirmed';

-- Vectors beside those in use: the next contract's before the cut-over, the last one's after it.
-- Of any length.
create table if not exists user_embeddings (
    user_id uuid not null references users (id) on delete cascade,
    model text not null,
    embedding vector not null,
    -- users.face_enrolled_at of the enrolment whose photos it stands for.
    enrolled_at timestamptz,
    primary key (user_id, model)
);
create table if not exists photo_face_embeddings (
    photo_face_id uuid not null references photo_faces (id) on delete cascade,
    model text not null,
    embedding vector not null,
    -- photo_faces.updated_at of the face that it stands for.
    updated_at timestamptz,
    primary key (photo_face_id, model)
);

do $$
begin
    if to_regrole('soloface_worker') is not null then
        grant select (photo_id, user_id, decision) on face_match_decisions to soloface_worker;
    end if;
    if to_regrole('soloface_enroller') is not null then
        grant select, insert, update, delete
            on face_enrolments, face_enrolment_photos to soloface_enroller;
    end if;
    if to_regrole('soloface_auditor') is not null then
        grant select (quality, image_ref) on photo_faces to soloface_auditor;
        grant select
            on face_enrolments, face_enrolment_photos, face_match_decisions to soloface_auditor;
    end if;
end
$$;
