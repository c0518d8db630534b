-- Whether the workers of a contract compare in galleries only. Where none of them has noted that yet,
-- as after a move to another model, it is what the last worker of another contract has noted.
select gallery_required
from face_match_limits
order by (model = %(model)s::text) desc nulls last, noted_at desc
limit 1
