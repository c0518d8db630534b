-- What the workers of a contract match by.
select
    model, threshold, max_distance, min_margin, version, noted_at, fixed_distance, max_fpir,
    lowest_far, steps, users, gallery_required
from face_match_limits
where model = %(model)s
