-- What the workers of a contract match by.
select model, threshold, max_distance, min_margin, version, noted_at
from face_match_limits
where model = %(model)s
