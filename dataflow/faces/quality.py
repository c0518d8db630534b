"""How good a picture of a face is, and how good it must be.

What is measured does not depend on the pack but for the landmarks, which each detector places in
its own way: the face is cut out as for an ArcFace recogniser, 112 pixels wide, and looked at there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from math import atan2, degrees

import cv2
import numpy as np
from cv2.typing import MatLike

from dataflow.faces.alignment import ARCFACE, align
from dataflow.faces.face import BgrImage, Face, Quality
from dataflow.jobs.errors import DataError
from dataflow.jobs.reason import Reason

_INNER_FACE = slice(36, 100), slice(24, 88)
"""Rows and columns of the chip from the brows to the chin, without hair and background."""

_NOSE_DEPTH = 0.5
"""How far the nose tip stands out, as a share of the eyes' distance: makes angles of offsets."""

_NOSE_HEIGHT = 0.53
"""Where a frontal face has its nose tip between the eyes (0) and the mouth (1)."""

_LEAST_CONTRAST = 1.0  # squared grey levels: a chip of one colour is not sharp


class Flaw(StrEnum):
    """What is wrong with a picture of a face. The codes are stable."""

    LOW_SCORE = "low_score"
    FACE_TOO_SMALL = "face_too_small"
    BLURRED = "blurred"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    TURNED_AWAY = "turned_away"


class LowQualityError(DataError):
    """The face is there, but the picture of it is not good enough."""

    def __init__(self, flaw: Flaw, detail: str, quality: Quality) -> None:
        super().__init__(Reason.LOW_QUALITY, f"{flaw}: {detail}")
        self.flaw = flaw
        self.detail = detail
        self.quality = quality


@dataclass(frozen=True, slots=True)
class QualityPolicy:
    """The least that is asked of a picture. ``None`` asks nothing; turns count to either side."""

    min_score: float | None = None
    min_eye_distance_px: float | None = None
    min_sharpness: float | None = None
    min_brightness: float | None = None
    max_brightness: float | None = None
    max_yaw_deg: float | None = None
    max_pitch_deg: float | None = None

    def require(self, quality: Quality) -> None:
        """Let pass what is good enough.

        Raises:
            LowQualityError: something is not; the first flaw is named, with its measure and limit.
        """
        for flaw, name, value, low, high in self._limits(quality):
            if low is not None and value < low:
                raise LowQualityError(flaw, f"{name} {value:.3g}, at least {low:g}", quality)
            if high is not None and value > high:
                raise LowQualityError(flaw, f"{name} {value:.3g}, at most {high:g}", quality)

    def _limits(
        self, seen: Quality
    ) -> Iterator[tuple[Flaw, str, float, float | None, float | None]]:
        """Each flaw with what was measured, and the least and the most of it."""
        eyes, light = "eye distance in pixels", "brightness"
        yield Flaw.LOW_SCORE, "detector score", seen.score, self.min_score, None
        yield Flaw.FACE_TOO_SMALL, eyes, seen.eye_distance_px, self.min_eye_distance_px, None
        yield Flaw.TURNED_AWAY, "yaw in degrees", abs(seen.yaw_deg), None, self.max_yaw_deg
        yield Flaw.TURNED_AWAY, "pitch in degrees", abs(seen.pitch_deg), None, self.max_pitch_deg
        yield Flaw.TOO_DARK, light, seen.brightness, self.min_brightness, None
        yield Flaw.TOO_BRIGHT, light, seen.brightness, None, self.max_brightness
        yield Flaw.BLURRED, "sharpness", seen.sharpness, self.min_sharpness, None


OFF = QualityPolicy()
"""Asks nothing."""

LENIENT = QualityPolicy(
    min_score=0.55,
    min_eye_distance_px=8,
    min_sharpness=0.01,
    min_brightness=15,
    max_brightness=250,
    max_yaw_deg=80,
    max_pitch_deg=60,
)
"""Refuses what is hardly a face any more; for photos.

Beyond these limits the demo's people were at distances above 0.2 from their own untouched photo,
and most of them out of reach: at a blur of 3 pixels (sharpness from 0.005) 0.2 to 0.9, with eyes
6 to 9 pixels apart 0.3 to 0.7, at 6 % of the light (brightness 8 to 11) 0.4 to 0.9.
"""

STRICT = QualityPolicy(
    min_score=0.6,
    min_eye_distance_px=18,
    min_sharpness=0.03,
    min_brightness=40,
    max_brightness=245,
    max_yaw_deg=70,
    max_pitch_deg=45,
)
"""Refuses what would blur the idea of a person; for enrolment with packs of which no more is known.

Every portrait of the demo's users passes, and each of the changes that its photos go through, with
both packs: scores from 0.68, eyes from 20 pixels apart, sharpness from 0.07, brightness 85 to 191,
yaw up to 61 and pitch up to 34 degrees. Inside the limits they stay within a distance of 0.21 of
their untouched photo, as after a blur of 1 pixel (sharpness from 0.036), at 30 % of the light (47
to 57) or at one and a half times (up to 240); a blur of 2 pixels (0.01 to 0.04) puts them at up to
0.37, eyes 10 to 18 pixels apart at up to 0.32. No picture here shows a full profile: the limit of
the yaw lies above the most turned face that is still recognised.
`tests/unit/faces/test_quality_limits.py` measures all of it again.
"""

POLICIES = {"off": OFF, "lenient": LENIENT, "strict": STRICT}
"""The policies by the names that the settings know."""


def measure(image: BgrImage, face: Face, reduction: float = 1) -> Quality:
    """Measure one face.

    Args:
        image: the photo, or a smaller version of it.
        face: where the face is, in pixels of ``image``.
        reduction: how many pixels of the photo, in each direction, one of ``image`` stands for.

    Raises:
        DataError: ``low_quality``, when the landmarks make no face.
    """
    chip = align(image, face.landmarks, ARCFACE)
    grey = cv2.cvtColor(chip, cv2.COLOR_BGR2GRAY)[_INNER_FACE]
    brightness, contrast = _mean_and_variance(grey)
    _, detail = _mean_and_variance(cv2.Laplacian(grey, cv2.CV_32F))
    eyes = complex(*(face.landmarks[1] - face.landmarks[0]))
    yaw, pitch = _turn(face, eyes)
    return Quality(
        score=face.score,
        eye_distance_px=abs(eyes) * reduction,
        # Relative to the contrast: a dark photo is not a blurred one.
        sharpness=detail / max(contrast, _LEAST_CONTRAST),
        brightness=brightness,
        yaw_deg=yaw,
        pitch_deg=pitch,
        roll_deg=degrees(atan2(eyes.imag, eyes.real)),
    )


def _mean_and_variance(grey: MatLike) -> tuple[float, float]:
    mean, deviation = cv2.meanStdDev(grey)
    return float(mean[0, 0]), float(deviation[0, 0]) ** 2


def _turn(face: Face, eyes: complex) -> tuple[float, float]:
    """Yaw and pitch, from where the nose tip is between eyes and mouth."""
    points = face.landmarks.astype(np.float64) @ (1, 1j)
    between_eyes = (points[0] + points[1]) / 2
    upright = abs(eyes) / eyes if eyes else 1
    nose = (points[2] - between_eyes) * upright
    mouth = ((points[3] + points[4]) / 2 - between_eyes) * upright
    yaw = atan2(nose.real - mouth.real / 2, _NOSE_DEPTH * abs(eyes))
    pitch = atan2(nose.imag - _NOSE_HEIGHT * mouth.imag, _NOSE_DEPTH * abs(mouth.imag))
    return degrees(yaw), degrees(pitch)
