-- Everybody who has changed since a memory was read, with the vector and the galleries as they are
-- now, and in which snapshot; at least one row, of nobody. `reread`: all of it has to be read again,
-- for what 0012_memory.sql says or because too many have changed.
with changed as materialized (
    select distinct c.user_id
    from face_user_changes as c
    where c.xid >= pg_snapshot_xmin(%(snapshot)s::pg_snapshot)
        and not pg_visible_in_snapshot(c.xid, %(snapshot)s::pg_snapshot)
),
state as materialized (
    select
        soloface_watch() is distinct from %(watch)s
        or exists (select from changed where user_id is null)
        or (select count(*) from changed) > %(most_changed)s
        or not exists (
            select from face_memory where pruned < pg_snapshot_xmin(%(snapshot)s::pg_snapshot)
        ) as reread
)
select
    pg_current_snapshot()::text,
    state.reread,
    changed.user_id,
    users.face_embedding,
    array(select m.gallery from face_gallery_members as m where m.user_id = users.id)
from state
left join changed on not state.reread
left join lateral (
    select users.id, users.face_embedding
    from users
    where users.id = changed.user_id
        and users.face_embedding is not null and users.face_embedding_model = %(model)s
    offset 0
) as users on true
