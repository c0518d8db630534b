-- Allow memories, where the server has emptied the table of it.
insert into face_memory default values on conflict do nothing
