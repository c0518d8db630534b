"""Enrolling somebody new by faces that nobody knows, as they were recorded."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.postgres.review.groups import unknown_faces
from dataflow.faces.choosing import RecordedFace
from dataflow.faces.face import Box
from dataflow.gallery.newcomers import UnknownFace, best
from dataflow.jobs.reason import Reason
from dataflow.tags.refusal import Refusal
from soloface.web.gate.problems import Code, ProblemError
from soloface.web.work.desk import Desk
from soloface.web.work.enrolling import Wish, enrol
from soloface.web.work.views import bbox_of
from soloface.web.work.wire_enrolment import Enrolled, GroupFace, NewUserRequest


def enrol_group(desk: Desk, asked: NewUserRequest, by: str) -> Enrolled:
    """Enrol a user by the best of some recorded faces, and in their gallery.

    The tags of all photos that show them follow as after every enrolment: the worker matches the
    recorded faces again.

    Raises:
        ProblemError: a face is not there, or somebody has said meanwhile who it is; or as
            :func:`~soloface.web.work.enrolling.enrol`.
        RefusedWordError: the user is enrolled already, or has withdrawn.
        DataError: a reference is not allowed any more.
        ConfigurationError, TransientError, SystemicError: something that this needs is not there.
    """
    faces = _found(desk, asked.faces)
    galleries = {face.gallery for face in faces}
    if len(galleries) > 1:
        raise ProblemError(Code.INVALID_REQUEST, "faces: they are of several galleries")
    chosen = best(faces)
    if not chosen:
        raise ProblemError(Reason.IMAGE_NOT_FOUND, "it is not known where the images are")
    return enrol(
        desk,
        Wish(
            asked.user_id,
            by,
            refs=[face.image_ref or "" for face in chosen],
            faces=[_choosing(face) for face in chosen],
            only_new=True,
            consent=asked.consent,
            galleries=[gallery for gallery in galleries if gallery],
        ),
    )


def _found(desk: Desk, asked: Sequence[GroupFace]) -> list[UnknownFace]:
    """The faces as they are recorded, in the order in which they were asked for."""
    wanted = list(dict.fromkeys((face.photo_id, face.face_index) for face in asked))
    with desk.database.connection() as connection:
        known = {(f.photo_id, f.face_index): f for f in unknown_faces(connection, wanted)}
    for photo_id, face_index in wanted:
        face = known.get((photo_id, face_index))
        if face is None:
            raise ProblemError(Refusal.UNKNOWN_FACE, f"photo {photo_id} has no face {face_index}")
        if face.settled:
            raise ProblemError(
                Refusal.CHANGED_MEANWHILE,
                f"somebody has said meanwhile whom photo {photo_id} shows; look again",
            )
    return [known[place] for place in wanted]


def _choosing(face: UnknownFace) -> RecordedFace:
    box = bbox_of(face.bbox)
    return RecordedFace(Box(box.x1, box.y1, box.x2, box.y2))
