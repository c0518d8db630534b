"""Somebody new: the recorded faces of a group that are best to recognise them by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import cos, radians
from uuid import UUID

MOST_PHOTOS = 8
"""So many tell as much of a face as more would."""

_ENOUGH_PX = 40
"""Between the eyes; what is larger than the recognisers look at helps no more."""


@dataclass(frozen=True, slots=True)
class UnknownFace:
    """A recorded face that nobody is tagged on.

    ``bbox`` has x1, y1, x2 and y2 in pixels of the upright photo; ``quality`` what was measured of
    the picture, by the names of :class:`~dataflow.faces.face.Quality`, if anything was. ``settled``
    says that somebody is tagged there after all, or that a person has said who it is.
    """

    photo_id: UUID
    face_index: int
    gallery: str | None
    image_ref: str | None
    bbox: Mapping[str, float]
    quality: Mapping[str, float] | None
    settled: bool


def best(faces: Sequence[UnknownFace], most: int = MOST_PHOTOS) -> list[UnknownFace]:
    """The faces whose pictures are large and look into the camera, one of a photo at most.

    Of pictures that are as good, the one that came first is the better one.
    """
    photos: dict[UUID, UnknownFace] = {}
    for face in sorted(faces, key=lambda face: -_worth(face)):
        if face.image_ref:
            photos.setdefault(face.photo_id, face)
    return list(photos.values())[:most]


def _worth(face: UnknownFace) -> float:
    """Between 0 and 1; of a picture of which nothing was measured it is 0."""
    if not face.quality:
        return 0.0
    measured = face.quality
    turned = cos(radians(measured.get("yaw_deg") or 0)) * cos(
        radians(measured.get("pitch_deg") or 0)
    )
    size = min((measured.get("eye_distance_px") or 0) / _ENOUGH_PX, 1.0)
    return max(size * turned, 0.0)
