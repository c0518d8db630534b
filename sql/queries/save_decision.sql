-- Keep what somebody said of a photo and a user; a later word replaces an earlier one.
insert into face_match_decisions (photo_id, user_id, decision, decided_by)
values (%(photo_id)s, %(user_id)s, %(decision)s, %(by)s)
on conflict (photo_id, user_id) do update set
    decision = excluded.decision, decided_by = excluded.decided_by,
    database_role = session_user, decided_at = now()
