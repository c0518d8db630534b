-- What waits for all faces of a contract.
select id from face_rematches where model = %(model)s and since is null and gallery is null
