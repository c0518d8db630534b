-- Note what the workers of a contract match by from now on; says what they did before.
with past as (
    select model, threshold, max_distance, min_margin, version, noted_at
    from face_match_limits
    where model = %(model)s
),
noted as (
    insert into face_match_limits (model, threshold, max_distance, min_margin, version)
    values (
        %(model)s, %(threshold)s, %(max_distance)s::float8, %(min_margin)s::float8, %(version)s
    )
    on conflict (model) do update set
        threshold = excluded.threshold, max_distance = excluded.max_distance,
        min_margin = excluded.min_margin, version = excluded.version, noted_at = now()
)
select * from past
