-- That a request has enrolled a user. Runs after lock_person_turn.sql in the same transaction.
update face_person_turns
set replaced_seq = case when %(replaces)s then %(stream_seq)s else replaced_seq end,
    replaced_at = case when %(replaces)s then %(at)s else replaced_at end,
    consented_seq = case when %(consents)s then %(stream_seq)s else consented_seq end,
    consented_at = case when %(consents)s then %(at)s else consented_at end
where user_id = %(user_id)s
