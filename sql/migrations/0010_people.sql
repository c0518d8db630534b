-- People who are enrolled, or withdraw, by messages: how requests ended, and in which order they came.
--
-- By hand: psql -v ON_ERROR_STOP=1 -1 -f 0010_people.sql
-- Every statement may be run again.

-- What was done once is not done again, and is told again in the same words.
create table if not exists face_person_requests (
    user_id uuid not null,
    kind text not null check (kind in ('enrol', 'withdraw')),
    -- The publisher's own id, else the message's.
    request text not null,
    stream_seq bigint not null,
    outcome text not null,
    -- The event, as it is published.
    event text not null,
    settled_at timestamptz not null default now(),
    primary key (user_id, kind, request)
);
create index if not exists face_person_requests_settled_at on face_person_requests (settled_at);

-- Where two requests of one user wait for each other, and by which the earlier is known.
create table if not exists face_person_turns (
    user_id uuid primary key,
    -- The last enrolment by a message that put its photos in place of others.
    replaced_seq bigint,
    replaced_at timestamptz,
    -- The last withdrawal, also by a command: that has no sequence.
    withdrawn_seq bigint,
    withdrawn_at timestamptz
);
comment on column face_person_turns.replaced_at is 'when its message was published, as of all here';

do $$
begin
    if to_regrole('soloface_enroller') is not null then
        grant select, insert, update, delete on face_person_requests to soloface_enroller;
        grant select, insert, update on face_person_turns to soloface_enroller;
    end if;
    if to_regrole('soloface_eraser') is not null then
        grant select (user_id, stream_seq, settled_at), delete on face_person_requests to soloface_eraser;
        grant select, insert, update on face_person_turns to soloface_eraser;
    end if;
    if to_regrole('soloface_auditor') is not null then
        grant select on face_person_requests, face_person_turns to soloface_auditor;
    end if;
end
$$;
