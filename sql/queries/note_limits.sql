-- Note what the workers of a contract match by from now on; says what they did before.
with past as (
    select
        model, threshold, max_distance, min_margin, version, noted_at, fixed_distance, max_fpir,
        lowest_far, steps, users, gallery_required
    from face_match_limits
    where model = %(model)s
),
noted as (
    insert into face_match_limits (
        model, threshold, max_distance, min_margin, version, fixed_distance, max_fpir, lowest_far,
        steps, users, gallery_required
    )
    values (
        %(model)s, %(threshold)s, %(max_distance)s::float8, %(min_margin)s::float8, %(version)s,
        %(fixed_distance)s::float8, %(max_fpir)s::float8, %(lowest_far)s::float8,
        %(steps)s::float8[], %(users)s::bigint, %(gallery_required)s
    )
    on conflict (model) do update set
        threshold = excluded.threshold, max_distance = excluded.max_distance,
        min_margin = excluded.min_margin, version = excluded.version,
        fixed_distance = excluded.fixed_distance, max_fpir = excluded.max_fpir,
        lowest_far = excluded.lowest_far, steps = excluded.steps, users = excluded.users,
        gallery_required = excluded.gallery_required, noted_at = now()
)
select * from past
