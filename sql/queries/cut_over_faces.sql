-- Likewise of the faces on photos. Those without one keep the name of the model that saw them.
update photo_faces
set embedding = beside.embedding, model = coalesce(beside.model, photo_faces.model)
from photo_faces as f
left join photo_face_embeddings as beside
    on beside.photo_face_id = f.id and beside.model = %(model)s
    and beside.updated_at = f.updated_at
where photo_faces.id = f.id and (f.model <> %(model)s or f.embedding is null)
