-- Their photos, used and refused. A photo that was offered twice is kept once.
insert into face_enrolment_photos (user_id, sha256, ref, quality, refused)
select * from unnest(
    %(user_id)s::uuid[], %(sha256)s::text[], %(ref)s::text[], %(quality)s::jsonb[],
    %(refused)s::text[]
)
on conflict (user_id, sha256) do nothing
