-- What the review page needs: who looks at which photo just now, what was said there and can be
-- taken back, and the rights of `soloface_reviewer` to show what it decides about.
--
-- By hand: psql -v ON_ERROR_STOP=1 -1 -f 0011_review.sql
-- Every statement may be run again.

-- A photo that somebody looks at, so that nobody else gets it meanwhile.
create table if not exists face_review_claims (
    photo_id uuid primary key references photos (id) on delete cascade,
    claimed_by text not null,
    claimed_until timestamptz not null
);
create index if not exists face_review_claims_claimed_by on face_review_claims (claimed_by);

-- Each word that was said through `soloface serve`, and what came of it.
create table if not exists face_decision_log (
    id bigint generated always as identity primary key,
    photo_id uuid not null references photos (id) on delete cascade,
    user_id uuid references users (id) on delete cascade,
    decision text not null check (decision in ('confirmed', 'rejected', 'nobody', 'forgotten')),
    face_index integer,
    decided_by text not null,
    database_role text not null default session_user,
    decided_at timestamptz not null default now(),
    -- A request that comes twice is answered twice and taken once.
    idempotency_key text,
    before_user_id uuid references users (id) on delete cascade,
    now_user_id uuid references users (id) on delete cascade,
    reason text,
    distance double precision,
    margin double precision,
    taken_back integer not null,
    undone_at timestamptz,
    unique (decided_by, idempotency_key)
);
create index if not exists face_decision_log_photo_id on face_decision_log (photo_id, id);
create index if not exists face_decision_log_decided_by on face_decision_log (decided_by, id);
create index if not exists face_decision_log_user_id on face_decision_log (user_id);
create index if not exists face_decision_log_before_user_id on face_decision_log (before_user_id);
create index if not exists face_decision_log_now_user_id on face_decision_log (now_user_id);

-- The words that it took back: an undo says them again.
create table if not exists face_decision_log_words (
    log_id bigint not null references face_decision_log (id) on delete cascade,
    photo_id uuid not null references photos (id) on delete cascade,
    user_id uuid references users (id) on delete cascade,
    decision text not null,
    face_index integer,
    decided_by text,
    database_role text not null,
    decided_at timestamptz not null
);
create index if not exists face_decision_log_words_log_id on face_decision_log_words (log_id);
create index if not exists face_decision_log_words_photo_id on face_decision_log_words (photo_id);
create index if not exists face_decision_log_words_user_id on face_decision_log_words (user_id);

-- The queues, the newest outcome first. With what decides on it: most tags are beyond doubt, and of
-- those no row is read.
create index if not exists face_match_outcomes_reason_settled_at
    on face_match_outcomes (reason, settled_at desc, photo_id desc) include (distance, margin);

do $$
begin
    if to_regrole('soloface_reviewer') is not null then
        grant select (face_enrolled_at) on users to soloface_reviewer;
        grant select (user_id, sha256, ref, refused) on face_enrolment_photos to soloface_reviewer;
        grant select, insert, update, delete on face_review_claims to soloface_reviewer;
        grant select, insert, update (undone_at) on face_decision_log to soloface_reviewer;
        grant select, insert on face_decision_log_words to soloface_reviewer;
    end if;
    if to_regrole('soloface_eraser') is not null then
        grant select, delete
            on face_review_claims, face_decision_log, face_decision_log_words
            to soloface_eraser;
    end if;
    if to_regrole('soloface_auditor') is not null then
        grant select
            on face_review_claims, face_decision_log, face_decision_log_words
            to soloface_auditor;
    end if;
end
$$;
