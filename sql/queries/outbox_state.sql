-- How many changes of tags wait to be told, and for how many seconds the oldest one.
select
    count(*),
    coalesce(extract(epoch from clock_timestamp() - min(noted_at)), 0)::float8
from face_outbox
