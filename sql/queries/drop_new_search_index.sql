-- Remove what a build that was interrupted has left behind.
drop index concurrently if exists users_face_search_new
