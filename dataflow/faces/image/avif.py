"""AVIF: its pixels, cropped, turned and mirrored as its boxes say."""

from __future__ import annotations

import io
import struct
from fractions import Fraction

import cv2
import numpy as np
from PIL.AvifImagePlugin import AvifImageFile

from dataflow.faces.face import BgrImage
from dataflow.faces.image.isobmff import transforms, without_exif
from dataflow.faces.image.kind import ImageKind
from dataflow.faces.image.orientation import upright
from dataflow.faces.image.refusal import check_size, refuse_damaged

_QUARTER_TURNS = (1, 8, 3, 6)  # against the clock, as the EXIF orientations that mean the same
_MIRRORS = (4, 2)  # top and bottom change places, left and right do


def decode_avif(data: bytes, max_pixels: int) -> BgrImage:
    """Decode the primary picture, or a sequence's first.

     An orientation in EXIF or XMP does not count here: the boxes alone say how it is shown.

    Raises:
        DataError: ``image_too_large`` by the header's word, or ``image_undecodable``.
    """
    try:
        # Not Image.open: that warns or raises above a size of its own.
        photo = AvifImageFile(io.BytesIO(without_exif(data)))
    except Exception as error:  # noqa: BLE001 - Pillow's plugins promise no error type
        refuse_damaged(ImageKind.AVIF, error)
    check_size(photo.size, ImageKind.AVIF, max_pixels)
    try:
        colours = photo if photo.mode == "RGB" else photo.convert("RGB")
        pixels = np.asarray(cv2.cvtColor(np.asarray(colours), cv2.COLOR_RGB2BGR), np.uint8)
    except Exception as error:  # noqa: BLE001 - Pillow's plugins promise no error type
        refuse_damaged(ImageKind.AVIF, error)
    for name, body in transforms(data):
        pixels = _transformed(pixels, name, body)
    return np.ascontiguousarray(pixels)


def _transformed(pixels: BgrImage, name: bytes, body: bytes) -> BgrImage:
    if name == b"clap":
        return _cropped(pixels, body)
    if not body:
        return pixels
    choice = body[0]
    return upright(pixels, _QUARTER_TURNS[choice & 3] if name == b"irot" else _MIRRORS[choice & 1])


def _cropped(pixels: BgrImage, body: bytes) -> BgrImage:
    """Keep the clean aperture; one that is no part of the picture crops nothing."""
    try:
        numbers = struct.unpack(">IIIIiIiI", body[:32])
        width, height, right, down = (
            Fraction(top, bottom) for top, bottom in zip(numbers[::2], numbers[1::2], strict=True)
        )
    except (struct.error, ZeroDivisionError):
        return pixels
    columns = _kept(pixels.shape[1], width, right)
    rows = _kept(pixels.shape[0], height, down)
    cropped = pixels[rows, columns]
    return cropped if cropped.size else pixels


def _kept(side: int, length: Fraction, offset: Fraction) -> slice:
    start = round(Fraction(side) / 2 + offset - length / 2)
    return slice(max(start, 0), max(start + round(length), 0))
