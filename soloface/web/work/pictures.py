"""Photos as they are shown: decoded, scaled, and encoded again without the rest of the file."""

from __future__ import annotations

from math import ceil

import cv2
import numpy as np

from dataflow.faces.face import BgrImage
from dataflow.faces.image import decode_preview
from soloface.web.work.wire import Bbox

AROUND = 0.45
"""How much of a face's longer side is shown around it."""

_QUALITY = 88
_FRAME_GAP = 0.08
_FAR_OUT = 10_000


def whole(data: bytes, *, px: int, max_pixels: int, bbox: Bbox | None = None) -> bytes:
    """A JPEG of a photo, at most ``px`` on its longer side, with a frame around a face if asked.

    Raises:
        DataError: ``image_undecodable`` or ``image_too_large``.
    """
    photo = decode_preview(data, max_pixels=max_pixels, long_side=px)
    shown = _fitted(photo.pixels, px)
    if bbox:
        scale = shown.shape[1] / (photo.pixels.shape[1] * photo.reduction)
        shown = _framed(shown, bbox, scale)
    return _jpeg(shown)


def _framed(pixels: BgrImage, bbox: Bbox, scale: float) -> BgrImage:
    """Dark and light lines, so that it is seen on anything."""
    framed = pixels.copy()
    around = bbox.long_side * scale * _FRAME_GAP
    # A box from outside may be anything; OpenCV takes what fits into 32 bits.
    corners = np.clip(
        [
            (bbox.x1 * scale - around, bbox.y1 * scale - around),
            (bbox.x2 * scale + around, bbox.y2 * scale + around),
        ],
        -_FAR_OUT,
        _FAR_OUT,
    )
    (left, top), (right, bottom) = corners.astype(int).tolist()
    for colour, width in (((0, 0, 0), 5), ((255, 255, 255), 2)):
        cv2.rectangle(framed, (left, top), (right, bottom), colour, width, cv2.LINE_AA)
    return framed


def cut_out(data: bytes, bbox: Bbox, *, px: int, max_pixels: int) -> bytes:
    """A JPEG of a face with a little around it, square where the photo allows it.

    Args:
        data: the photo's file.
        bbox: x1, y1, x2 and y2 in pixels of the upright photo.
        px: pixels of its longer side, at most.
        max_pixels: of the photo.

    Raises:
        DataError: ``image_undecodable`` or ``image_too_large``.
    """
    side = max(bbox.long_side, 1.0) * (1 + 2 * AROUND)
    photo = decode_preview(data, max_pixels=max_pixels, long_side=px)
    if photo.reduction > 1 and side / photo.reduction < px:
        longer = max(photo.pixels.shape[:2])
        finer = ceil(longer * min(photo.reduction, px * photo.reduction / side))
        photo = decode_preview(data, max_pixels=max_pixels, long_side=finer)
    height, width = photo.pixels.shape[:2]
    x = (bbox.x1 + bbox.x2) / 2 / photo.reduction
    y = (bbox.y1 + bbox.y2) / 2 / photo.reduction
    half = side / photo.reduction / 2
    left, right = _span(x, half, width)
    top, bottom = _span(y, half, height)
    return _jpeg(_fitted(photo.pixels[top:bottom, left:right], px))


def _span(middle: float, half: float, size: int) -> tuple[int, int]:
    """Where to cut; at least one pixel, whatever the box says."""
    first = min(max(round(middle - half), 0), size - 1)
    last = max(min(round(middle + half), size), first + 1)
    return first, last


def _fitted(pixels: BgrImage, px: int) -> BgrImage:
    height, width = pixels.shape[:2]
    scale = px / max(height, width)
    if scale >= 1:
        return pixels
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _jpeg(pixels: BgrImage) -> bytes:
    _, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return data.tobytes()
