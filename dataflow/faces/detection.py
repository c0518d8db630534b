"""How a photo is shown to a detector: the same way for every pack.

Small first. Photos are scaled down to 320 pixels, never up (detectors miss faces that fill a
magnified frame), and only where nothing was found a second look at 640 follows, by default. That is
as accurate as 640 throughout, at well under half the cost.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import cv2
import numpy as np

from dataflow.faces.face import BgrImage, Box, Face
from dataflow.settings.procedure import FAST, Procedure

SCORE_THRESHOLD = 0.5
"""Score from which a detection counts as a face."""

_STRIDE = 32  # both detector families need sides that are multiples of it


class Detector(Protocol):
    """A detection network. Safe to share between threads."""

    def find(self, canvas: BgrImage) -> list[Face]:
        """Find the faces of a picture whose sides are multiples of 32, in its own pixels.

        The highest score comes first.
        """


def detect(detector: Detector, image: BgrImage, procedure: Procedure = FAST) -> list[Face]:
    """Find all faces of a photo that count, the highest score first, in pixels of the photo.

    Boxes are cut off at the photo's edges; landmarks are not.
    """
    faces: list[Face] = []
    long_side = max(image.shape[:2])
    for index, limit in enumerate(procedure.passes_px):
        if index and long_side <= procedure.passes_px[index - 1]:
            break  # it was seen at full size already
        faces = _look(detector, image, limit)
        if faces:
            break
    return without_bystanders(faces, procedure.ignore_smaller)


def without_bystanders(faces: list[Face], ignore_smaller: float) -> list[Face]:
    """Leave out faces that are small beside the largest one."""
    largest = max((face.box.long_side for face in faces), default=0.0)
    return [face for face in faces if face.box.long_side >= ignore_smaller * largest]


def _look(detector: Detector, image: BgrImage, limit: int) -> list[Face]:
    height, width = image.shape[:2]
    scale = min(1.0, limit / max(height, width))
    fitted = max(1, round(width * scale)), max(1, round(height * scale))
    canvas = np.zeros((_padded(fitted[1]), _padded(fitted[0]), 3), np.uint8)
    canvas[: fitted[1], : fitted[0]] = _fit(image, fitted)
    faces = (face.scaled(width / fitted[0], height / fitted[1]) for face in detector.find(canvas))
    return [replace(face, box=_clipped(face.box, width, height)) for face in faces]


def _fit(image: BgrImage, size: tuple[int, int]) -> BgrImage:
    """Scale down to (width, height) so that each pixel averages what it stands for.

    OpenCV averages fast by whole factors only, so a multiple of the size is sampled first.
    """
    width, height = size
    if image.shape[:2] == (height, width):
        return image
    # Averaging all of a 12-megapixel photo takes longer than the network; sixteen samples per
    # pixel are enough.
    samples = 4 if image.shape[1] > 4 * width and image.shape[0] > 4 * height else 2
    image = _sampled(image, (samples * width, samples * height))
    while image.shape[1] > width:
        image = _halved(image)
    return image


def _sampled(image: BgrImage, size: tuple[int, int]) -> BgrImage:
    """As (width, height), each pixel from the four that are nearest to it."""
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _halved(image: BgrImage) -> BgrImage:
    height, width = image.shape[:2]
    half = width // 2, height // 2
    return np.asarray(cv2.resize(image, half, interpolation=cv2.INTER_AREA), np.uint8)


def _padded(side: int) -> int:
    return -(-side // _STRIDE) * _STRIDE


def _clipped(box: Box, width: int, height: int) -> Box:
    return Box(
        x1=min(max(box.x1, 0.0), float(width)),
        y1=min(max(box.y1, 0.0), float(height)),
        x2=min(max(box.x2, 0.0), float(width)),
        y2=min(max(box.y2, 0.0), float(height)),
    )
