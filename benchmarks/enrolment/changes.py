"""Photos made worse: small, blurred, dark, bright, half hidden.

Blurs and covers are in pixels of the face and not of the photo: those of an ArcFace chip, in which
the eyes lie 35 pixels apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from dataflow.faces.alignment import ARCFACE, similarity
from dataflow.faces.face import BgrImage
from soloface.cli.demo.changes import Change, brightened, jpeg, scaled

HIDDEN = ("hidden side", "hidden below", "hidden eyes")
POOR = ("blur 3", "light 0.12", "light 3", "small 9")

_EYES_APART = (6, 9, 12, 15)
_BLURS = (1, 2, 3, 4)
_LIGHTS = (0.25, 0.12, 0.06, 3, 5)
_CHIP_EYES = 35
_GREY = (110, 110, 110)
_COVERS = {
    "hidden side": ((56, -20), (140, -20), (140, 140), (56, 140)),
    "hidden below": ((-20, 68), (130, 68), (130, 140), (-20, 140)),
    "hidden eyes": ((20, 40), (92, 40), (92, 64), (20, 64)),
}
"""Corners in chip pixels: half of the face, what a mask covers, what dark glasses cover."""


def changes(landmarks: NDArray[np.float32]) -> Iterator[tuple[str, Change]]:
    """What is done to a photo with one face, by name.

    Args:
        landmarks: of the face, shape (5, 2), in pixels of the photo.
    """
    eyes = float(np.linalg.norm(landmarks[1] - landmarks[0]))
    for pixels in _EYES_APART:
        if pixels < eyes:
            yield f"small {pixels}", partial(scaled, factor=pixels / eyes)
    for blur in _BLURS:
        yield f"blur {blur}", partial(_blurred, sigma=blur * eyes / _CHIP_EYES)
    for light in _LIGHTS:
        yield f"light {light:g}", partial(brightened, factor=light)
    back = cv2.invertAffineTransform(similarity(landmarks, ARCFACE))
    for name, corners in _COVERS.items():
        points = np.array(corners, np.float64) @ back[:, :2].T + back[:, 2]
        yield name, partial(_covered, corners=np.round(points).astype(np.int32))


def _blurred(image: BgrImage, sigma: float) -> bytes:
    return jpeg(np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8))


def _covered(image: BgrImage, corners: NDArray[np.int32]) -> bytes:
    covered = image.copy()
    cv2.fillPoly(covered, [corners], _GREY)
    return jpeg(covered)
