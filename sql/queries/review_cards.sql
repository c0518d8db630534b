-- What is shown of some photos: the outcome, one face (the tagged one, else the first), its tag, and
-- who looks at it just now.
select distinct on (p.id)
    p.id, o.reason, o.settled_at, o.margin, f.face_index, f.bbox, m.user_id, m.confidence,
    c.claimed_by, f.gallery, f.model, f.embedding
from unnest(%(photo_ids)s::uuid[]) as asked (photo_id)
join photos as p on p.id = asked.photo_id
join photo_faces as f on f.photo_id = p.id
left join face_match_outcomes as o on o.photo_id = p.id
left join face_matches as m on m.photo_face_id = f.id
left join face_review_claims as c on c.photo_id = p.id and c.claimed_until > now()
order by p.id, m.user_id is null, f.face_index
