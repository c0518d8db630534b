-- Faces of other models without a vector of this one, and where their images are.
select f.id, f.updated_at, f.image_ref, f.bbox
from photo_faces as f
where f.model <> %(model)s
    and not exists (
        select from photo_face_embeddings as beside
        where beside.photo_face_id = f.id and beside.model = %(model)s
            and beside.updated_at = f.updated_at
    )
order by f.id
