-- Who was enrolled, by how many photos and by whom; the last enrolment counts.
insert into face_enrolments (user_id, model, photos, fingerprint, enrolled_by)
select user_id, %(model)s, photos, fingerprint, %(by)s
from unnest(%(user_id)s::uuid[], %(photos)s::integer[], %(fingerprint)s::text[])
    as input (user_id, photos, fingerprint)
on conflict (user_id) do update set
    model = excluded.model, photos = excluded.photos, fingerprint = excluded.fingerprint,
    enrolled_by = excluded.enrolled_by, database_role = session_user, enrolled_at = now()
