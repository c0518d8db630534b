-- One row where the workers of a contract compare in galleries only.
select true from face_match_limits where model = %(model)s and gallery_required
