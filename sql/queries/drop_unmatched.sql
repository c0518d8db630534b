-- Drop some of the faces that nobody was found for and that have not changed since a moment.
-- Their outcomes stay: they hold no vector.
with stale as (
    select photo_faces.id
    from photo_faces
    left join face_matches on face_matches.photo_face_id = photo_faces.id
    where face_matches.id is null and photo_faces.updated_at < %(before)s
    order by photo_faces.photo_id
    limit %(count)s
    -- A worker that is just matching one of them has its photo locked, not the face.
    for update of photo_faces skip locked
)
delete from photo_faces using stale where photo_faces.id = stale.id
