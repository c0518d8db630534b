-- What soloface stores, and what it needs of the platform's own tables.
--
-- By hand: psql -v ON_ERROR_STOP=1 -v dimension=512 -1 -f 0001_faces.sql
-- `dimension` is the length of the pack's vectors: 512 for insightface packs, 128 for `open`.
-- Every statement may be run again.

create extension if not exists vector;

-- The platform's tables: made only where absent, otherwise only columns are added.
create table if not exists photos (
    id uuid primary key default gen_random_uuid(),
    created_at timestamptz not null default now()
);

create table if not exists users (
    id uuid primary key default gen_random_uuid(),
    created_at timestamptz not null default now()
);
alter table users add column if not exists face_embedding vector(:dimension);
alter table users add column if not exists face_embedding_model text;
alter table users add column if not exists face_enrolled_at timestamptz;
-- A 512-d vector is just over the size that PostgreSQL moves out of line, where an exact search is
-- five times slower and the planner misjudges what it costs.
alter table users alter column face_embedding set storage plain;

create table if not exists photo_faces (
    id uuid primary key default gen_random_uuid(),
    photo_id uuid not null references photos (id) on delete cascade,
    face_index integer not null check (face_index >= 0),
    embedding vector(:dimension) not null,
    bbox jsonb not null,
    model text not null,
    det_score real not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (photo_id, face_index)
);

create table if not exists face_matches (
    id uuid primary key default gen_random_uuid(),
    photo_face_id uuid not null unique references photo_faces (id) on delete cascade,
    user_id uuid not null references users (id) on delete cascade,
    confidence double precision not null,
    created_at timestamptz not null default now()
);
comment on column face_matches.confidence is 'cosine distance in [0, 2]; smaller is surer';
create index if not exists face_matches_user_id on face_matches (user_id);

-- Why a photo was tagged or not: the last outcome of its jobs.
create table if not exists face_match_outcomes (
    photo_id uuid primary key,
    -- The same id while the photo exists, so that its outcome goes with it. A job may name a photo
    -- that was never there, hence the two columns.
    known_photo_id uuid references photos (id) on delete cascade
        check (known_photo_id = photo_id),
    outcome text not null check (outcome in ('matched', 'skipped', 'rejected')),
    reason text not null,
    detail text not null default '',
    user_id uuid references users (id) on delete set null,
    distance double precision,
    within_threshold boolean,
    model text,
    job_id uuid,
    stream_seq bigint not null,
    published_at timestamptz not null,
    deliveries integer not null,
    settled_at timestamptz not null default now()
);
create index if not exists face_match_outcomes_known_photo_id
    on face_match_outcomes (known_photo_id);
create index if not exists face_match_outcomes_user_id on face_match_outcomes (user_id);
