"""Turning a stored picture so that it is seen as the photographer saw it."""

from __future__ import annotations

import cv2
import numpy as np

from dataflow.faces.face import BgrImage

_LEFT_AND_RIGHT, _TOP_AND_BOTTOM, _BOTH = 1, 0, -1  # what cv2.flip calls them


def upright(pixels: BgrImage, orientation: int) -> BgrImage:
    """Undo an orientation of 1 to 8, as EXIF numbers it."""
    if orientation >= 5:  # noqa: PLR2004 - from here on, width and height change places
        pixels = np.asarray(cv2.transpose(pixels), np.uint8)
    match orientation:
        case 2 | 6:
            return np.asarray(cv2.flip(pixels, _LEFT_AND_RIGHT), np.uint8)
        case 3 | 7:
            return np.asarray(cv2.flip(pixels, _BOTH), np.uint8)
        case 4 | 8:
            return np.asarray(cv2.flip(pixels, _TOP_AND_BOTTOM), np.uint8)
        case _:
            return pixels
