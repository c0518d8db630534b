"""What happens to photos between two cameras: the changes a match must survive."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import cv2
import numpy as np

from dataflow.faces.face import BgrImage

Change = Callable[[BgrImage], bytes]

_GOOD_QUALITY = 92


def jpeg(image: BgrImage, quality: int = _GOOD_QUALITY) -> bytes:
    """Encode as JPEG, ``quality`` in 1..100."""
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return data.tobytes()


def scaled(image: BgrImage, factor: float) -> bytes:
    """Larger or smaller."""
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return jpeg(
        np.asarray(cv2.resize(image, None, fx=factor, fy=factor, interpolation=how), np.uint8)
    )


def cropped(image: BgrImage, share: float) -> bytes:
    """Cut off ``share`` of the width and height on every side."""
    height, width = image.shape[:2]
    top, left = round(height * share), round(width * share)
    return jpeg(image[top : height - top, left : width - left])


def rotated(image: BgrImage, degrees: float) -> bytes:
    """Turned counter-clockwise around the middle."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
    turned = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return jpeg(np.asarray(turned, np.uint8))


def brightened(image: BgrImage, factor: float) -> bytes:
    """Brighter or darker."""
    return jpeg(np.asarray(cv2.convertScaleAbs(image, alpha=factor), np.uint8))


CHANGES: Mapping[str, Change] = {
    "scaled 1.8": partial(scaled, factor=1.8),
    "scaled 0.7": partial(scaled, factor=0.7),
    "cropped 10 %": partial(cropped, share=0.1),
    "turned +18°": partial(rotated, degrees=18),
    "turned -12°": partial(rotated, degrees=-12),
    "dark 55 %": partial(brightened, factor=0.55),
    "quality 25": partial(jpeg, quality=25),
}
