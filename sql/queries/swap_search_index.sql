-- Put the new index in the old one's place. It has no proof yet, so nobody uses it.
drop index if exists users_face_search;
alter index users_face_search_new rename to users_face_search
