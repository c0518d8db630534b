-- Roles to grant to the logins that soloface runs under: `grant soloface_worker to my_login`.
--
-- By hand: psql -v ON_ERROR_STOP=1 -1 -f 0002_roles.sql
-- Roles belong to the whole server, what they may do to this database: run it in each. Without the
-- right to create roles it only warns; run it again as someone who has it. Every statement may be
-- run again.

do $$
declare
    wanted text;
    missing text[];
begin
    foreach wanted in array array['soloface_worker', 'soloface_enroller', 'soloface_auditor'] loop
        if to_regrole(wanted) is null then
            begin
                execute format('create role %I nologin', wanted);
            exception
                -- Another database of this server was faster.
                when duplicate_object or unique_violation then null;
                when insufficient_privilege then missing := missing || wanted;
            end;
        end if;
    end loop;
    if missing is not null then
        raise warning '% may not create roles; missing: %',
            current_user, array_to_string(missing, ', ')
            using hint = 'To have them, run sql/migrations/0002_roles.sql as a superuser.';
    end if;
end
$$;

-- What the worker's statements in sql/queries need. Locking a row takes the right to update some
-- column: of `users` one of ours, of `photos` there is none but the key.
do $$
begin
    if to_regrole('soloface_worker') is null then
        return;
    end if;
    execute format('grant usage on schema %I to soloface_worker', current_schema());
    grant select (id), update (id) on photos to soloface_worker;
    grant select (id, face_embedding, face_embedding_model) on users to soloface_worker;
    grant update (face_enrolled_at) on users to soloface_worker;
    grant select, insert, update on photo_faces to soloface_worker;
    grant select (id, photo_face_id), insert on face_matches to soloface_worker;
    grant select, insert, update on face_match_outcomes to soloface_worker;
end
$$;

-- `soloface enroll`: users' faces, and rows for users who have none yet.
do $$
begin
    if to_regrole('soloface_enroller') is null then
        return;
    end if;
    execute format('grant usage on schema %I to soloface_enroller', current_schema());
    grant
        select (id, face_embedding, face_embedding_model, face_enrolled_at),
        insert (id, face_embedding, face_embedding_model, face_enrolled_at),
        update (face_embedding, face_embedding_model, face_enrolled_at)
    on users to soloface_enroller;
end
$$;

-- Who was recognised where, when and why, without the vectors.
do $$
begin
    if to_regrole('soloface_auditor') is null then
        return;
    end if;
    execute format('grant usage on schema %I to soloface_auditor', current_schema());
    grant select (id) on photos to soloface_auditor;
    grant select (id, face_embedding_model, face_enrolled_at) on users to soloface_auditor;
    grant
        select (id, photo_id, face_index, bbox, model, det_score, created_at, updated_at)
    on photo_faces to soloface_auditor;
    grant select on face_matches, face_match_outcomes to soloface_auditor;
end
$$;
