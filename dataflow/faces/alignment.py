"""Cutting a face out of a photo so that its five landmarks land where the recogniser wants them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from dataflow.faces.face import BgrImage
from dataflow.jobs.errors import DataError
from dataflow.jobs.reason import Reason

_EDGE = 2  # chip pixels around the region that sampling may touch


@dataclass(frozen=True, slots=True)
class Template:
    """Where the landmarks belong in a square chip.

    ``name`` is part of the embedding contract: change it with anything below or in :func:`align`.
    ``size`` is the chip's side in pixels. ``points`` are five (x, y) in chip pixels, in the order
    of :class:`~dataflow.faces.face.Face`.
    """

    name: str
    size: int
    points: tuple[tuple[float, float], ...]


ARCFACE = Template(
    "similarity5-arcface112/1",
    112,
    (
        (38.2946, 51.6963),
        (73.5318, 51.5014),
        (56.0252, 71.7366),
        (41.5493, 92.3655),
        (70.7299, 92.2041),
    ),
)
"""The template that insightface's recognisers are trained with."""

DLIB = Template(
    "similarity5-dlib150/1",
    150,
    ((46.86, 46.04), (102.14, 46.04), (74.5, 78.24), (51.13, 102.19), (97.87, 102.19)),
)
"""Where CenterFace's landmarks fall, in the median, in the chips that dlib cuts for its network.

Made left-right symmetric, which costs no accuracy.
"""


def similarity(points: NDArray[np.float32], template: Template) -> NDArray[np.float64]:
    """Fit scale, rotation and shift that bring the points nearest to the template.

    As complex numbers the fit is a line, z -> a z + b, whose least-squares solution is closed.

    Args:
        points: shape (5, 2), pixels.
        template: where they should go.

    Returns:
        Affine matrix of shape (2, 3).

    Raises:
        DataError: ``low_quality``, when the points coincide and no fit exists.
    """
    source, target = _as_complex(points), _target(template)
    centred = source - source.mean()
    spread = np.vdot(centred, centred).real
    if not np.isfinite(spread) or spread == 0:
        raise DataError(Reason.LOW_QUALITY, "the face's landmarks coincide")
    a = np.vdot(centred, target) / spread
    b = target.mean() - a * source.mean()
    return np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])


@cache
def _target(template: Template) -> NDArray[np.complex128]:
    return _as_complex(np.asarray(template.points))


def _as_complex(points: NDArray[Any]) -> NDArray[np.complex128]:
    """Points as x + yi."""
    return np.ascontiguousarray(points, np.float64).view(np.complex128).ravel()


def magnification(matrix: NDArray[np.float64]) -> float:
    """The scale of a similarity, given as an affine matrix of shape (2, 3)."""
    return float(np.hypot(matrix[0, 0], matrix[1, 0]))


def align(image: BgrImage, landmarks: NDArray[np.float32], template: Template) -> BgrImage:
    """Cut the chip of a face.

    Pixels outside the photo are black.

    Args:
        image: the photo, shape (height, width, 3).
        landmarks: shape (5, 2), pixels of the photo.
        template: which chip to cut.

    Returns:
        Chip of shape (size, size, 3).

    Raises:
        DataError: ``low_quality``, when the landmarks make no face or lie outside the photo.
    """
    matrix = similarity(landmarks, template)
    # Only the face's surroundings are handed on: OpenCV refuses to warp pictures that are wider
    # or higher than 32767 pixels.
    left, top, right, bottom = _footprint(matrix, template.size, image)
    region = image[top:bottom, left:right]
    matrix[:, 2] += matrix[:, :2] @ (left, top)
    region, matrix = _shrink(region, matrix)
    chip = cv2.warpAffine(region, matrix, (template.size, template.size), flags=cv2.INTER_LINEAR)
    return np.asarray(chip, np.uint8)


def _footprint(
    matrix: NDArray[np.float64], size: int, image: BgrImage
) -> tuple[int, int, int, int]:
    """Left, top, right and bottom, in whole pixels, of what the chip shows of the photo."""
    height, width = image.shape[:2]
    # From the chip back to the photo, by the similarity as a line of complex numbers.
    a, b = complex(*matrix[:, 0]), complex(*matrix[:, 2])
    if not a:
        raise DataError(Reason.LOW_QUALITY, "the face's landmarks make no face")
    seen = [(corner - b) / a for corner in (0, size, 1j * size, (1 + 1j) * size)]
    across, down = [corner.real for corner in seen], [corner.imag for corner in seen]
    edge = _EDGE * max(1.0, 1 / abs(a))
    left, top = _within(min(across) // 1 - edge, width), _within(min(down) // 1 - edge, height)
    right, bottom = (
        _within(-(-max(across) // 1) + edge, width),
        _within(-(-max(down) // 1) + edge, height),
    )
    if right <= left or bottom <= top:
        raise DataError(Reason.LOW_QUALITY, "the face's landmarks lie outside the photo")
    return left, top, right, bottom


def _within(side: float, limit: int) -> int:
    """A side of the region, cut off at the photo's; 0 for what is no number."""
    return int(max(0.0, min(side, limit)))


def _shrink(region: BgrImage, matrix: NDArray[np.float64]) -> tuple[BgrImage, NDArray[np.float64]]:
    """Shrink a large face by area first: bilinear sampling alone would pick single pixels of it."""
    factor = int(1 / magnification(matrix))
    height, width = region.shape[:2]
    if factor <= 1 or min(height, width) < factor:
        return region, matrix
    small = cv2.resize(region, (width // factor, height // factor), interpolation=cv2.INTER_AREA)
    scale = np.array([width / small.shape[1], height / small.shape[0]])
    shrunk = matrix.copy()
    # Pixel p of the small picture is centred on (p + 0.5) * scale - 0.5 of the large one.
    shrunk[:, 2] += matrix[:, :2] @ ((scale - 1) / 2)
    shrunk[:, :2] *= scale
    return np.asarray(small, np.uint8), shrunk
