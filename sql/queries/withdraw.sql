-- Keep that a user does not want to be recognised any more, and the photos that showed them: ids,
-- no vector and no name. Runs after lock_user.sql in the same transaction.
with withdrawal as (
    insert into face_withdrawals as w (user_id, withdrawn_by)
    values (%(id)s, %(by)s)
    on conflict (user_id) do update
    set withdrawn_by = coalesce(w.withdrawn_by, excluded.withdrawn_by)
)
insert into face_withdrawn_photos (photo_id, user_id)
select photo_id, %(id)s from unnest(%(photo_ids)s::uuid[]) as t (photo_id)
on conflict do nothing
