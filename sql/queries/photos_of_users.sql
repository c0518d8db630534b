-- The photos that some users are tagged on, that somebody has said something of with their name, or
-- whose face was nearest or second-nearest to them, wherever they are now; in one gallery, where the
-- change was of that one.
with asked as (
    select distinct user_id, gallery
    from unnest(%(user_ids)s::uuid[], %(galleries)s::text[]) as t (user_id, gallery)
)
select m.on_photo_id
from asked
join face_matches as m on m.user_id = asked.user_id
    and (asked.gallery is null or m.on_gallery = asked.gallery)
union
select d.photo_id from asked join face_match_decisions as d on d.user_id = asked.user_id
union
select f.photo_id
from asked
join photo_faces as f on f.nearest_user_id = asked.user_id and f.model = %(model)s
    and (asked.gallery is null or f.gallery = asked.gallery)
union
select f.photo_id
from asked
join photo_faces as f on f.second_user_id = asked.user_id and f.model = %(model)s
    and (asked.gallery is null or f.gallery = asked.gallery)
