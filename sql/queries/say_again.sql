-- The words that a decision had taken back count again, but for those of people who have withdrawn.
-- Runs after undo_decision.sql in the same transaction.
insert into face_match_decisions (
    photo_id, user_id, decision, face_index, decided_by, database_role, decided_at
)
select photo_id, user_id, decision, face_index, decided_by, database_role, decided_at
from face_decision_log_words as w
where log_id = %(id)s
    and not exists (select from face_withdrawals as gone where gone.user_id = w.user_id)
on conflict do nothing
