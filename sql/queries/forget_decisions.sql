-- What the new word takes back: all that was said of the photo and the user, or of the photo where
-- no user is named; and, where the new word settles whom the photo shows, the one that did before.
delete from face_match_decisions
where photo_id = %(photo_id)s
    and (
        user_id = %(user_id)s::uuid
        or (%(decision)s = 'forgotten' and %(user_id)s::uuid is null)
        or (%(decision)s in ('confirmed', 'nobody') and decision in ('confirmed', 'nobody'))
    )
