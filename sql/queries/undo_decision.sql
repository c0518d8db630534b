-- Take back what was said with one decision, and say again what it had taken back, but for people who
-- have withdrawn since.
with gone as (
    delete from face_match_decisions
    where photo_id = %(photo_id)s and decided_at = %(decided_at)s
)
update face_decision_log set undone_at = now() where id = %(id)s
