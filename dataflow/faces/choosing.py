"""Which face of a photo counts, where it shows several or somebody has said which one.

The rules and their figures: ``python -m benchmarks.bystanders``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot
from typing import Protocol

from dataflow.faces.face import Box
from dataflow.jobs.errors import DataError
from dataflow.jobs.reason import Reason

_MOST_TIMES = 3.0
"""A box this many times as large or as small as a face is around something else."""


@dataclass(frozen=True, slots=True)
class SubjectRule:
    """When a photo is clearly of its largest face.

    Wherever that is, if all others are at most ``alone`` times its size. In the middle of the photo
    they may be up to ``in_the_middle`` times its size, if they are aside: its middle is at most
    ``middle`` from the photo's, theirs at least ``aside``, where 1 is the middle of an edge. How
    the limits were found: docs/enrolment.md.
    """

    alone: float = 0.5
    in_the_middle: float = 0.8
    middle: float = 0.25
    aside: float = 0.4


SHIPPED = SubjectRule()


class Chooser(Protocol):
    """Says which face counts."""

    def __call__(self, faces: Sequence[Box], width: float, height: float) -> int:
        """The place of the face that counts.

        Args:
            faces: where the faces are, one at least.
            width: of the upright photo, in the unit of the boxes.
            height: likewise.

        Raises:
            DataError: none does; the reason says why.
        """


def only_face(faces: Sequence[Box], width: float, height: float) -> int:
    """The one face of the photo.

    Raises:
        DataError: ``multiple_faces``.
    """
    del width, height
    if len(faces) > 1:
        raise DataError(Reason.MULTIPLE_FACES, f"{len(faces)} faces found")
    return 0


def clear_subject(
    faces: Sequence[Box], width: float, height: float, rule: SubjectRule = SHIPPED
) -> int | None:
    """The face of whom the photo clearly is, others being much smaller or aside; if there is one.

    Args:
        faces: where the faces are, one at least.
        width: of the upright photo, in the unit of the boxes.
        height: likewise.
        rule: what is clear.
    """
    order = sorted(range(len(faces)), key=lambda place: -faces[place].long_side)
    largest, others = order[0], order[1:]
    if not others:
        return largest

    def off(place: int) -> float:
        x, y = faces[place].middle
        return hypot(2 * x / width - 1, 2 * y / height - 1)

    size, second = faces[largest].long_side, faces[others[0]].long_side
    if size <= 0:
        return None
    if second <= rule.alone * size:
        return largest
    others_aside = all(off(other) >= rule.aside for other in others)
    alone_there = off(largest) <= rule.middle and others_aside
    return largest if second <= rule.in_the_middle * size and alone_there else None


@dataclass(frozen=True, slots=True)
class FaceIn:
    """Chooses the face that a box was drawn around, by another detector and in its own manner.

    Such boxes are larger, smaller or higher up than ours, so an overlap tells little. A face fits
    if each of the two boxes holds the other one's middle.
    """

    box: Box

    def __call__(self, faces: Sequence[Box], width: float, height: float) -> int:
        """The place of the one face that fits.

        Raises:
            DataError: ``no_face_in_bbox`` or ``multiple_faces_in_bbox``.
        """
        match [place for place, face in enumerate(faces) if self._fits(face)]:
            case [place]:
                return place
            case []:
                raise DataError(
                    Reason.NO_FACE_IN_BBOX,
                    f"the job's bbox {_said(self.box)} {self._flaw}; found on this photo of "
                    f"{width:.0f}x{height:.0f} pixels: {_listed(faces)}",
                )
            case several:
                raise DataError(
                    Reason.MULTIPLE_FACES_IN_BBOX,
                    f"the job's bbox {_said(self.box)} fits {len(several)} faces: "
                    f"{_listed([faces[place] for place in several])}",
                )

    @property
    def _flaw(self) -> str:
        """Why no face fits, as far as the box itself tells."""
        x1, y1, x2, y2 = self.box.x1, self.box.y1, self.box.x2, self.box.y2
        if x2 <= x1 or y2 <= y1:
            return "is reversed or empty: x2 must be larger than x1, and y2 larger than y1"
        return "fits no face"

    def _fits(self, face: Box) -> bool:
        larger = max(self.box.long_side, face.long_side)
        smaller = min(self.box.long_side, face.long_side)
        return (
            larger <= _MOST_TIMES * smaller
            and self.box.holds(face.middle)
            and face.holds(self.box.middle)
        )


@dataclass(frozen=True, slots=True)
class RecordedFace:
    """Finds a face again where it was found before, by whatever detector."""

    box: Box

    def __call__(self, faces: Sequence[Box], width: float, height: float) -> int:
        """The place of the only face, else of the one that fits.

        Raises:
            DataError: ``no_face_in_bbox`` or ``multiple_faces_in_bbox``.
        """
        return 0 if len(faces) == 1 else FaceIn(self.box)(faces, width, height)


_MOST_LISTED = 4
_MOST_PIXELS = 1e6


def _listed(faces: Sequence[Box]) -> str:
    told = ", ".join(map(_said, faces[:_MOST_LISTED]))
    return told + (f" and {len(faces) - _MOST_LISTED} more" if len(faces) > _MOST_LISTED else "")


def _said(box: Box) -> str:
    sides = (box.x1, box.y1, box.x2, box.y2)
    # A publisher's number may have hundreds of digits.
    told = (f"{side:.0f}" if abs(side) < _MOST_PIXELS else f"{side:.3g}" for side in sides)
    return f"({', '.join(told)})"
