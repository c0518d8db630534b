-- Remove notes of changes that every memory has long read, and say up to which: a memory that has not
-- is void. Numbers that no transaction has had yet come from another server, by a restore.
with removed as (
    delete from face_user_changes
    where noted_at < now() - interval '10 minutes'
        and (
            xid < pg_snapshot_xmin(pg_current_snapshot())
            or xid >= pg_snapshot_xmax(pg_current_snapshot())
        )
    returning xid
),
last as (
    select xid
    from removed
    where xid < pg_snapshot_xmin(pg_current_snapshot())
    order by xid desc
    limit 1
)
update face_memory
set pruned = greatest(face_memory.pruned, last.xid)
from last
