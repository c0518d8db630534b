-- Keep that a user does not want to be recognised any more, and the photos that showed them: ids,
-- no vector and no name. Runs after lock_user.sql in the same transaction. A command has no sequence
-- in the stream, and is asked for now.
with withdrawal as (
    insert into face_withdrawals as w (user_id, withdrawn_by, withdrawn_at)
    values (%(id)s, %(by)s, coalesce(%(asked_at)s, now()))
    on conflict (user_id) do update
    set withdrawn_by = coalesce(w.withdrawn_by, excluded.withdrawn_by)
),
turn as (
    insert into face_person_turns as t (user_id, withdrawn_seq, withdrawn_at)
    values (%(id)s, %(stream_seq)s, coalesce(%(asked_at)s, now()))
    on conflict (user_id) do update
    set (withdrawn_seq, withdrawn_at) = (
            select case when t.withdrawn_at > excluded.withdrawn_at then t.withdrawn_seq
                else excluded.withdrawn_seq end,
                greatest(t.withdrawn_at, excluded.withdrawn_at)
        ),
        replaced_seq = null, replaced_at = null
)
insert into face_withdrawn_photos (photo_id, user_id)
select photo_id, %(id)s from unnest(%(photo_ids)s::uuid[]) as t (photo_id)
on conflict do nothing
