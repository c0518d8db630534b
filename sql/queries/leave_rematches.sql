-- Ask for users' faces, or for all faces of a contract since a time or of a gallery, to be matched
-- again.
insert into face_rematches (user_id, model, since, gallery, cause, by)
select t.user_id, t.model, %(since)s::timestamptz, %(gallery)s, %(cause)s, %(by)s
from unnest(%(user_ids)s::uuid[], %(models)s::text[]) as t (user_id, model)
returning id
