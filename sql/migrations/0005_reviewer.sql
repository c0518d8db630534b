-- A role for `soloface match`, by which people say whom a photo shows; and what `soloface erase` has
-- to read to find the photos that `enroll --keep-photos` has stored.
--
-- By hand: psql -v ON_ERROR_STOP=1 -1 -f 0005_reviewer.sql
-- Without the right to create roles it only warns; run it again as someone who has it. Every
-- statement may be run again.

do $$
begin
    if to_regrole('soloface_reviewer') is null then
        create role soloface_reviewer nologin;
    end if;
exception
    -- Another database of this server was faster.
    when duplicate_object or unique_violation then null;
    when insufficient_privilege then
        raise warning '% may not create roles; missing: soloface_reviewer', current_user
            using hint = 'To have it, run sql/migrations/0005_reviewer.sql as a superuser.';
end
$$;

-- It reads vectors, because after a rejection the next nearest user is considered at once, and
-- changes none. Locking a photo takes the right to update some column of it.
do $$
begin
    if to_regrole('soloface_reviewer') is null then
        return;
    end if;
    execute format('grant usage on schema %I to soloface_reviewer', current_schema());
    grant select (id), update (id) on photos to soloface_reviewer;
    grant select (id, face_embedding, face_embedding_model) on users to soloface_reviewer;
    grant select (id, photo_id, face_index, embedding, model) on photo_faces to soloface_reviewer;
    grant
        select (photo_face_id, user_id), insert (photo_face_id, user_id, confidence), delete
    on face_matches to soloface_reviewer;
    grant
        select (photo_id),
        update (
            outcome, reason, detail, user_id, distance, within_threshold, margin, settled_at
        )
    on face_match_outcomes to soloface_reviewer;
    grant select, insert, update, delete on face_match_decisions to soloface_reviewer;
end
$$;

do $$
begin
    if to_regrole('soloface_eraser') is not null then
        grant select (ref) on face_enrolment_photos to soloface_eraser;
    end if;
end
$$;
