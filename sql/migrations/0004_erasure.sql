-- A role for `soloface erase` and `soloface retention`, which no other one may run.
--
-- By hand: psql -v ON_ERROR_STOP=1 -1 -f 0004_erasure.sql
-- Without the right to create roles it only warns; run it again as someone who has it. Every
-- statement may be run again.

do $$
begin
    if to_regrole('soloface_eraser') is null then
        create role soloface_eraser nologin;
    end if;
exception
    -- Another database of this server was faster.
    when duplicate_object or unique_violation then null;
    when insufficient_privilege then
        raise warning '% may not create roles; missing: soloface_eraser', current_user
            using hint = 'To have it, run sql/migrations/0004_erasure.sql as a superuser.';
end
$$;

-- It reads ids, no vector; for --row it needs the right to delete from the platform's tables, which
-- is the platform's to grant.
do $$
begin
    if to_regrole('soloface_eraser') is null then
        return;
    end if;
    execute format('grant usage on schema %I to soloface_eraser', current_schema());
    grant select (id), update (id) on photos to soloface_eraser;
    grant
        select (id, face_embedding_model, face_enrolled_at),
        update (face_embedding, face_embedding_model, face_enrolled_at)
    on users to soloface_eraser;
    grant select (id, photo_id, updated_at), update (updated_at), delete
        on photo_faces to soloface_eraser;
    grant select (id, photo_face_id, user_id), delete on face_matches to soloface_eraser;
    grant select (photo_id, user_id), delete
        on face_match_outcomes, face_match_decisions to soloface_eraser;
    grant select (user_id), delete
        on user_embeddings, face_enrolments, face_enrolment_photos to soloface_eraser;
    grant select (photo_face_id), delete on photo_face_embeddings to soloface_eraser;
end
$$;

-- What `soloface retention` looks for.
create index if not exists photo_faces_updated_at on photo_faces (updated_at);
