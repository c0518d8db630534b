"""What becomes of an enrolment photo that shows others beside the user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from dataflow.faces.choosing import Chooser, clear_subject
from dataflow.faces.face import Box
from dataflow.jobs.errors import DataError
from dataflow.jobs.reason import Reason

REFUSE, IGNORE, INSIST = "refuse", "ignore", "insist"

_CROP = "crop the photo to the user"


def insist(faces: Sequence[Box], width: float, height: float) -> int:
    """Insist on one face, where no setting could have taken one of several.

    Raises:
        DataError: ``multiple_faces``.
    """
    del width, height
    if len(faces) == 1:
        return 0
    raise DataError(Reason.MULTIPLE_FACES, f"{len(faces)} faces found; {_CROP}")


def refuse(faces: Sequence[Box], width: float, height: float) -> int:
    """Insist on one face; where one is clearly the subject, the refusal says how to take it.

    Raises:
        DataError: ``multiple_faces``.
    """
    if len(faces) == 1:
        return 0
    ways = _CROP
    if clear_subject(faces, width, height) is not None:
        ways += (
            ", or take the face that is clearly the subject: soloface enroll --subject, "
            "SOLOFACE_ENROLMENT__BYSTANDERS=ignore"
        )
    raise DataError(Reason.MULTIPLE_FACES, f"{len(faces)} faces found; {ways}")


def ignore(faces: Sequence[Box], width: float, height: float) -> int:
    """Take the one face that is clearly the subject.

    Raises:
        DataError: ``multiple_faces``, none is.
    """
    place = clear_subject(faces, width, height)
    if place is None:
        raise DataError(
            Reason.MULTIPLE_FACES,
            f"{len(faces)} faces found, none of them clearly the subject; {_CROP}",
        )
    return place


CHOOSERS: Mapping[str, Chooser] = MappingProxyType({REFUSE: refuse, IGNORE: ignore, INSIST: insist})
"""By what ``enrolment.bystanders`` says; ``insist`` is for those whom it does not concern."""
