-- One job at a time per photo, over all processes. In id order, so that two batches cannot wait for
-- each other; a statement of its own, so that the next one sees what the last holder committed.
select id from photos where id = any(%(photo_ids)s::uuid[]) order by id for no key update
