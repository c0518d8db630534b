"""A small picture that can be recognised whatever was done to it, and ways to store it."""

from __future__ import annotations

import io
import struct

import numpy as np
import pillow_heif
import pytest
from PIL import Image
from PIL.Image import Transpose

from dataflow.faces.face import BgrImage
from dataflow.faces.image import decode_image
from dataflow.jobs.errors import DataError

MAX_PIXELS = 100_000_000

ORIENTATION_TAG = 0x112
UNDO = {  # how a picture must be stored so that the orientation shows it upright
    1: None,
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_90,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_270,
}


def picture() -> Image.Image:
    """64 wide, 48 high, another colour in each quarter."""
    image = Image.new("RGB", (64, 48))
    for x, y, colour in (
        (0, 0, (220, 30, 30)),
        (32, 0, (30, 220, 30)),
        (0, 24, (30, 30, 220)),
        (32, 24, (220, 220, 30)),
    ):
        image.paste(colour, (x, y, x + 32, y + 24))
    return image


def saved(image: Image.Image, kind: str, orientation: int = 1, **options: object) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    file = io.BytesIO()
    if kind == "HEIC":
        heif = pillow_heif.from_pillow(image)
        heif.save(file, exif=exif.tobytes(), quality=95)
    else:
        image.save(file, kind, exif=exif.tobytes(), **options)
    return file.getvalue()


def decode(data: bytes) -> BgrImage:
    return decode_image(data, max_pixels=MAX_PIXELS)


def assert_is_the_picture(pixels: BgrImage, tolerance: int = 12) -> None:
    expected = np.asarray(picture())[:, :, ::-1].astype(int)
    assert pixels.shape == (48, 64, 3)
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    # The middles of the quarters: edges ring, and chroma is stored at half the resolution.
    for rows in (slice(6, 18), slice(30, 42)):
        for columns in (slice(8, 24), slice(40, 56)):
            difference = np.abs(pixels[rows, columns].astype(int) - expected[rows, columns])
            assert difference.max() <= tolerance


def refusal(data: bytes, max_pixels: int = MAX_PIXELS) -> DataError:
    with pytest.raises(DataError) as caught:
        decode_image(data, max_pixels=max_pixels)
    assert "\n" not in str(caught.value)
    return caught.value


def jpeg_claiming(width: int, height: int) -> bytes:
    file = bytearray(saved(Image.new("RGB", (64, 64)), "JPEG"))
    frame = file.index(b"\xff\xc0")
    file[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(file)
