"""Photos on which it is hard to say who is shown: for people to decide."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from cv2.typing import MatLike

from dataflow.faces.face import BgrImage, FacePack
from dataflow.jobs.reason import Reason
from soloface.cli.demo.changes import CHANGES, jpeg
from soloface.cli.demo.people import ENROLLED, STRANGERS, Person
from soloface.cli.demo.scenario import MATCHED, NOBODY, Case

MIN_MARGIN = 0.1
"""The least by which the nearest user must be nearer than the next one, as cosine distance."""

AMBIGUOUS = frozenset({Reason.AMBIGUOUS})

_FEATHER = 0.15
"""How softly one face passes into the other, as a share of its width."""

_ANA, _BEA, _CARL, _DAN, _EMIL, _FAY, _GWEN = ENROLLED

_BETWEEN = (
    (_DAN, _BEA, 0.8, 0.0),
    (_BEA, _FAY, 0.8, 0.0),
    (_DAN, _CARL, 0.7, 0.0),
    (_FAY, _GWEN, 0.6, 0.02),
    (_GWEN, _CARL, 0.8, 0.02),
    (_DAN, _FAY, 0.8, 0.02),
    (_CARL, _GWEN, 0.8, 0.02),
    (_FAY, _DAN, 0.7, 0.0),
    (_DAN, _CARL, 0.8, 0.02),
    (_FAY, _GWEN, 0.5, 0.0),
    (_GWEN, _CARL, 0.8, 0.0),
    (_CARL, _GWEN, 0.7, 0.0),
)
"""Two people, how much the second one counts, and how blurred it is: found by trying.

Of each, the nearest two users are within 0.08 of each other and of the pack's limit.
"""

_BLURRED = ((_FAY, 0.049), (_EMIL, 0.05))
"""So blurred that the right user is just within the limit, as a share of the face's width."""


_AGAIN = ("scaled 1.8", "dark 55 %", "turned +18°")
"""How somebody comes back whom nobody has enrolled."""


def doubtful_photos(pack: FacePack) -> list[Case]:
    """All of them, in the order in which they are published; ``pack`` finds the landmarks."""
    return [*_blurred(), *_between(pack)]


def unknown_photos() -> list[Case]:
    """Further photos of somebody who is not enrolled: a group that one answer names."""
    stranger = STRANGERS[-1]
    return [
        Case(f"{stranger.name}, {change}", NOBODY, CHANGES[change](stranger.portrait()))
        for change in _AGAIN
    ]


def _blurred() -> Iterator[Case]:
    for person, share in _BLURRED:
        image = np.asarray(_blur(person.portrait(), person, share), np.uint8)
        yield Case(f"{person.name}, out of focus", MATCHED, jpeg(image), person.name)


def _between(pack: FacePack) -> Iterator[Case]:
    for person, other, share, blur in _BETWEEN:
        title = f"somebody between {person.name} and {other.name}"
        image = between(pack, person, other, share)
        if blur:
            image = np.asarray(_blur(image, person, blur), np.uint8)
        yield Case(title, AMBIGUOUS, jpeg(image))


def between(pack: FacePack, person: Person, other: Person, share: float) -> BgrImage:
    """A portrait of somebody who looks like two people.

    Args:
        pack: finds the eyes, the nose and the mouth, which are laid upon each other.
        person: whose portrait it is, but for the face.
        other: whose face is laid upon it.
        share: how much of that shows, in 0..1.
    """
    portrait, laid = person.portrait(), other.portrait()
    places, theirs = _landmarks(pack, portrait), _landmarks(pack, laid)
    # The affine map that errs least on the five places.
    onto = np.linalg.lstsq(np.hstack([theirs, np.ones((len(theirs), 1))]), places)[0].T
    height, width = portrait.shape[:2]
    laid = np.asarray(cv2.warpAffine(laid, onto, (width, height), borderMode=cv2.BORDER_REPLICATE))
    mask = _mask(places, (height, width), _FEATHER * _face_width(person))
    inside = mask > 1 / 2
    tones, ours = laid[inside].astype(float), portrait[inside].astype(float)
    contrast = ours.std(axis=0) / tones.std(axis=0)
    toned = (laid - tones.mean(axis=0)) * contrast + ours.mean(axis=0)
    weight = share * mask[:, :, None]
    return np.asarray(np.clip(portrait * (1 - weight) + toned * weight, 0, 255), np.uint8)


def _landmarks(pack: FacePack, portrait: BgrImage) -> MatLike:
    """Both eyes, the nose and both corners of the mouth, as rows of x and y."""
    (face,) = pack.detect(portrait)
    return np.asarray(face.landmarks, np.float64)


def _mask(places: MatLike, shape: tuple[int, int], feather_px: float) -> MatLike:
    """From 1 on the inner face to 0 around it."""
    mask = np.zeros(shape, np.float32)
    x, y = places.mean(axis=0)
    eyes = float(np.linalg.norm(places[0] - places[1]))
    high = float(np.linalg.norm(places[:2].mean(axis=0) - places[3:].mean(axis=0)))
    radii = round(0.95 * max(eyes, 0.6 * high)), round(1.15 * high)
    cv2.ellipse(mask, (round(x), round(y)), radii, 0, 0, 360, 1, -1)
    return cv2.GaussianBlur(mask, (0, 0), feather_px)


def _blur(image: BgrImage, person: Person, share: float) -> MatLike:
    return cv2.GaussianBlur(image, (0, 0), share * _face_width(person))


def _face_width(person: Person) -> int:
    x1, _, x2, _ = person.face
    return x2 - x1
