-- Who was enrolled, by how many photos and by whom; the last enrolment counts. To what somebody has
-- agreed stays until something else is said.
insert into face_enrolments as e (
    user_id, model, photos, fingerprint, enrolled_by, consent, consented_at
)
select
    user_id, %(model)s, photos, fingerprint, %(by)s, consent,
    case when consent is not null then now() end
from unnest(%(user_id)s::uuid[], %(photos)s::integer[], %(fingerprint)s::text[], %(consent)s::text[])
    as input (user_id, photos, fingerprint, consent)
on conflict (user_id) do update set
    model = excluded.model, photos = excluded.photos, fingerprint = excluded.fingerprint,
    enrolled_by = excluded.enrolled_by, database_role = session_user, enrolled_at = now(),
    consent = coalesce(excluded.consent, e.consent),
    consented_at = coalesce(excluded.consented_at, e.consented_at)
