-- After a cut-over all faces of the new contract are matched again, and nobody comes back for what
-- was asked of the others.
with dropped as (
    delete from face_rematches where model <> %(model)s
)
insert into face_rematches (model, cause, by)
values (%(model)s, 'reembedded', nullif(current_setting('soloface.by', true), ''))
