"""HEIC: its pixels, as libheif crops, turns and mirrors them."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pillow_heif

from dataflow.faces.face import BgrImage
from dataflow.faces.image.kind import ImageKind
from dataflow.faces.image.refusal import check_size, refuse_damaged

_COLOURS = 3


def decode_heic(data: bytes, max_pixels: int) -> BgrImage:
    """Decode the primary picture.

    libheif applies the boxes that crop, turn and mirror; an orientation in EXIF or XMP does not
    count here.

    Raises:
        DataError: ``image_too_large`` by the header's word, or ``image_undecodable``.
    """
    try:
        photo = pillow_heif.open_heif(io.BytesIO(data), bgr_mode=True)
        size = photo.size
    except Exception as error:  # noqa: BLE001 - the decoder promises no error type
        refuse_damaged(ImageKind.HEIC, error)
    check_size(size, ImageKind.HEIC, max_pixels)
    try:
        pixels = np.asarray(photo)
    except Exception as error:  # noqa: BLE001 - the decoder promises no error type
        refuse_damaged(ImageKind.HEIC, error)
    return _to_bgr(pixels)


def _to_bgr(pixels: np.ndarray) -> BgrImage:
    if pixels.dtype == np.uint16:  # colours of 10 and 12 bits come as 8, but greys as 16
        pixels = (pixels >> 8).astype(np.uint8)
    if pixels.ndim == _COLOURS and pixels.shape[2] >= _COLOURS:
        return np.ascontiguousarray(pixels[:, :, :_COLOURS])
    grey = pixels if pixels.ndim < _COLOURS else pixels[:, :, 0]
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(grey), cv2.COLOR_GRAY2BGR), np.uint8)
