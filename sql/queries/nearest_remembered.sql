-- The nearest enrolled users of each face, exactly, among its shortlist of a memory and all who have
-- changed since that was read: like compared with like only, in the face's galleries or, without any,
-- among everybody. Names of galleries have no spaces. One row for face -1 and no other where the
-- memory does not hold, for what 0012_memory.sql says or because too many have changed.
with changed as materialized (
    select distinct c.user_id
    from face_user_changes as c
    where c.xid >= pg_snapshot_xmin(%(snapshot)s::pg_snapshot)
        and not pg_visible_in_snapshot(c.xid, %(snapshot)s::pg_snapshot)
),
memory as materialized (
    select
        exists (
            select from face_memory where pruned < pg_snapshot_xmin(%(snapshot)s::pg_snapshot)
        )
        and soloface_watch() is not distinct from %(watch)s
        and not exists (select from changed where user_id is null)
        and (select count(*) from changed) <= %(most_changed)s
        -- A transaction that keeps an older snapshot than the memory's sees other users.
        and pg_snapshot_xmax(%(snapshot)s::pg_snapshot) <= pg_snapshot_xmax(pg_current_snapshot())
        and not exists (
            select from pg_snapshot_xip(pg_current_snapshot()) as x (xid)
            where pg_visible_in_snapshot(x.xid, %(snapshot)s::pg_snapshot)
        ) as holds
),
faces as materialized (
    select ord - 1 as face, embedding, string_to_array(galleries, ' ') as galleries
    from unnest(%(embeddings)b::vector[], %(galleries)s::text[])
        with ordinality as f (embedding, galleries, ord)
),
pairs as materialized (
    select face, user_id
    from unnest(%(faces)s::bigint[], %(user_ids)s::uuid[]) as shortlists (face, user_id)
    union
    select faces.face, changed.user_id from faces cross join changed
),
-- Not joined: the planner does not know what a scan of vectors costs.
compared as (
    select
        faces.face, users.id as user_id, users.distance,
        row_number() over (partition by faces.face order by users.distance, users.id) as place
    from pairs
    join faces on faces.face = pairs.face
    cross join lateral (
        select users.id, users.face_embedding <=> faces.embedding as distance
        from users
        where users.id = pairs.user_id
            and users.face_embedding is not null and users.face_embedding_model = %(model)s
        offset 0
    ) as users
    where (select holds from memory)
        and case
            when faces.galleries is null then not exists (
                select from face_match_limits as l where l.model = %(model)s and l.gallery_required
            )
            else exists (
                select from face_gallery_members as m
                where m.gallery = any(faces.galleries) and m.user_id = pairs.user_id
            )
        end
)
select face, user_id, distance from compared where place <= %(count)s
union all
select -1, null, null where not (select holds from memory)
order by face, distance, user_id
