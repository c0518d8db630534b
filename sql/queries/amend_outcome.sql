-- A photo's outcome follows what people have said.
update face_match_outcomes set
    outcome = %(outcome)s, reason = %(reason)s, detail = %(detail)s, user_id = %(user_id)s,
    distance = %(distance)s, within_threshold = %(within_threshold)s, margin = %(margin)s,
    settled_at = now()
where photo_id = %(photo_id)s
