-- What the worker that started last matches by.
select
    model, threshold, max_distance, min_margin, version, noted_at, fixed_distance, max_fpir,
    lowest_far, steps, users, gallery_required
from face_match_limits
order by noted_at desc
limit 1
