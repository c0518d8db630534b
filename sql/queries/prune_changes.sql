-- Remove changes that every memory has long read, and say up to which: one that has not is void.
with removed as (
    delete from face_user_changes
    where noted_at < now() - interval '10 minutes'
        and xid < pg_snapshot_xmin(pg_current_snapshot())
    returning xid
),
last as (
    select xid from removed order by xid desc limit 1
)
update face_memory
set pruned = greatest(face_memory.pruned, last.xid)
from last
