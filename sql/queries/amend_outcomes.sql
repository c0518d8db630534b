-- Photos' outcomes follow what was decided later. A job that ended otherwise meanwhile keeps its
-- word, unless there is a match now.
update face_match_outcomes as o
set outcome = input.outcome, reason = input.reason, detail = %(detail)s,
    user_id = input.user_id, distance = input.distance,
    within_threshold = input.within_threshold, margin = input.margin,
    nearest_user_id = input.nearest_user_id, second_user_id = input.second_user_id,
    model = coalesce(input.model, o.model), settled_at = now()
from unnest(
    %(photo_id)s::uuid[], %(outcome)s::text[], %(reason)s::text[], %(user_id)s::uuid[],
    %(distance)s::float8[], %(within_threshold)s::boolean[], %(margin)s::float8[],
    %(nearest_user_id)s::uuid[], %(second_user_id)s::uuid[], %(model)s::text[]
) as input (
    photo_id, outcome, reason, user_id, distance, within_threshold, margin, nearest_user_id,
    second_user_id, model
)
where o.photo_id = input.photo_id
    and (
        input.outcome = 'matched'
        or o.reason in (
            'matched', 'no_user_within_distance', 'ambiguous', 'no_enrolled_users', 'nobody'
        )
    )
    and (
        o.reason, o.user_id, o.distance, o.within_threshold, o.margin, o.nearest_user_id,
        o.second_user_id, o.model
    ) is distinct from (
        input.reason, input.user_id, input.distance, input.within_threshold, input.margin,
        input.nearest_user_id, input.second_user_id, coalesce(input.model, o.model)
    )
