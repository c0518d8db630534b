-- The next photos of a queue, the newest outcome first. A photo that somebody has settled by a word
-- is in none but `recent`; one without a recorded face is in none.
-- Each reason by itself, as the index has them in order: no more is read than is asked for.
select found.settled_at, found.photo_id
from unnest(%(reasons)s::text[]) as asked (reason)
cross join lateral (
    select o.settled_at, o.photo_id
    from face_match_outcomes as o
    where o.reason = asked.reason
        and case %(queue)s::text
            when 'doubtful' then
                o.reason = 'ambiguous'
                or o.distance > %(edge)s::float8
                or o.margin < %(narrow)s::float8
            when 'near_misses' then o.distance <= %(reach)s::float8
            when 'unknown' then coalesce(o.distance > %(reach)s::float8, true)
            else true
        end
        and exists (
            select from photo_faces as f
            where f.photo_id = o.photo_id
                and (%(gallery)s::text is null or f.gallery = %(gallery)s::text)
        )
        and (
            %(queue)s = 'recent'
            or not exists (
                select from face_match_decisions as d
                where d.photo_id = o.photo_id and d.decision in ('confirmed', 'nobody')
            )
        )
        and (
            %(user_id)s::uuid is null
            or %(user_id)s::uuid in (o.user_id, o.nearest_user_id, o.second_user_id)
        )
        and (%(since)s::timestamptz is null or o.settled_at >= %(since)s::timestamptz)
        and (%(until)s::timestamptz is null or o.settled_at < %(until)s::timestamptz)
        and (
            %(after_time)s::timestamptz is null
            or (o.settled_at, o.photo_id) < (%(after_time)s::timestamptz, %(after_photo)s::uuid)
        )
        and (
            %(claimed_by)s::text is null
            or not exists (
                select from face_review_claims as c
                where c.photo_id = o.photo_id
                    and c.claimed_by <> %(claimed_by)s::text
                    and c.claimed_until > now()
            )
        )
    order by o.settled_at desc, o.photo_id desc
    limit %(count)s
) as found
order by found.settled_at desc, found.photo_id desc
limit %(count)s
