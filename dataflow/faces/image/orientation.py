"""Turning a stored picture so that it is seen as the photographer saw it."""

from __future__ import annotations

import cv2
import numpy as np

from dataflow.faces.face import BgrImage

_LEFT_AND_RIGHT, _TOP_AND_BOTTOM = 1, 0  # what change places, as cv2.flip calls it


def upright(pixels: BgrImage, orientation: int) -> BgrImage:
    """Undo an orientation of 1 to 8, as EXIF numbers it."""
    turned: object = pixels
    match orientation:
        case 2:
            turned = cv2.flip(pixels, _LEFT_AND_RIGHT)
        case 3:
            turned = cv2.rotate(pixels, cv2.ROTATE_180)
        case 4:
            turned = cv2.flip(pixels, _TOP_AND_BOTTOM)
        case 5:
            turned = cv2.transpose(pixels)
        case 6:
            turned = cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE)
        case 7:
            turned = cv2.transpose(cv2.rotate(pixels, cv2.ROTATE_180))
        case 8:
            turned = cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE)
        case _:
            pass
    return np.asarray(turned, np.uint8)
