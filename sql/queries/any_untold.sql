-- Whether there is any change of a tag to tell.
select exists (select from face_outbox)
