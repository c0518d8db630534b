"""From the bytes of a photo to upright pixels, for bytes that may be damaged or hostile."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import NoReturn

import cv2
import numpy as np
import pillow_heif
from PIL import Image, ImageOps
from PIL.AvifImagePlugin import AvifImageFile

from dataflow.faces.face import BgrImage
from dataflow.faces.image_header import ImageKind, header_size, image_kind
from dataflow.jobs.errors import DataError
from dataflow.jobs.reason import Reason

# A damaged photo is reported once, by whoever called; OpenCV need not print about it as well.
# (libjpeg and libpng inside it still do, for some kinds of damage.)
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

# Every 8x8 block of a Huffman-coded JPEG costs at least one bit, so a file with fewer bytes than
# pixels / 512 is cut short, whatever its header claims. The decoder would find out only after
# filling all the claimed pixels with grey: seconds, for a file of 700 bytes.
_JPEG_MAX_PIXELS_PER_BYTE = 512

BYTES_PER_PIXEL = 20
"""Memory that the decoding of a photo takes at most, for each pixel of its own."""

_REDUCED = {
    8: cv2.IMREAD_REDUCED_COLOR_8,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    2: cv2.IMREAD_REDUCED_COLOR_2,
}


@dataclass(frozen=True, slots=True)
class Preview:
    """A photo that may have been decoded smaller than it is.

    ``reduction`` is how many pixels of the photo, in each direction, one of ``pixels`` stands for.
    """

    pixels: BgrImage
    reduction: int


def decode_image(data: bytes, *, max_pixels: int) -> BgrImage:
    """Decode a JPEG, PNG, WebP, HEIC or AVIF photo.

    Orientation (EXIF, or the container's own rotation and mirroring) is applied. Grey, palette,
    CMYK and 16-bit pictures become 8-bit colour. Transparency is dropped, not blended: pixels keep
    the colour they have under it. Of an animation the first frame is taken.

    Args:
        data: the whole file.
        max_pixels: width times height above which the photo is refused, unseen.

    Returns:
        Pixels of shape (height, width, 3), contiguous.

    Raises:
        DataError: ``image_too_large`` by the header's word, or ``image_undecodable``.
    """
    kind = image_kind(data)
    if kind is None:
        _refuse("the object is empty" if not data else "not a JPEG, PNG, WebP, HEIC or AVIF file")
    if kind is ImageKind.HEIC:
        return _decode_heic(data, max_pixels)
    if kind is ImageKind.AVIF:
        return _decode_avif(data, max_pixels)
    _checked_size(data, kind, max_pixels)
    return _decode_with_opencv(data, kind, cv2.IMREAD_COLOR)


def decode_preview(data: bytes, *, max_pixels: int, long_side: int | None) -> Preview:
    """Decode a photo no larger than needed, where the format makes that cheaper: JPEG.

    Of a 12-megapixel JPEG, half or a quarter of the size costs less than half the time.

    Args:
        data: the whole file.
        max_pixels: width times height above which the photo is refused, unseen.
        long_side: pixels that the longer side keeps at least, unless the photo itself has fewer;
            ``None``: all of them.

    Raises:
        DataError: as :func:`decode_image`.
    """
    if long_side is not None and image_kind(data) is ImageKind.JPEG:
        longer = max(_checked_size(data, ImageKind.JPEG, max_pixels))
        for reduction, flag in _REDUCED.items():
            if longer >= long_side * reduction:
                return Preview(_decode_with_opencv(data, ImageKind.JPEG, flag), reduction)
    return Preview(decode_image(data, max_pixels=max_pixels), 1)


def _checked_size(data: bytes, kind: ImageKind, max_pixels: int) -> tuple[int, int]:
    size = header_size(data, kind)
    if size is None:
        _refuse(f"the {kind.value} file is damaged or cut short")
    _check_size(size, kind, max_pixels)
    if kind is ImageKind.JPEG and size[0] * size[1] > _JPEG_MAX_PIXELS_PER_BYTE * len(data):
        _refuse("the JPEG file is cut short")
    return size


def _decode_with_opencv(data: bytes, kind: ImageKind, flag: int) -> BgrImage:
    try:
        # Despite its signature imdecode answers None for what it cannot read.
        pixels: object = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    except (cv2.error, MemoryError):
        pixels = None
    if not isinstance(pixels, np.ndarray):
        _refuse(f"the {kind.value} file is damaged or cut short")
    return pixels


def _decode_heic(data: bytes, max_pixels: int) -> BgrImage:
    try:
        # 10-bit pictures come out as 8-bit ones; libheif rotates and mirrors by itself.
        photo = pillow_heif.open_heif(io.BytesIO(data))
        size = photo.size
    except Exception as error:  # noqa: BLE001 - the decoder promises no error type
        _refuse("the HEIC file is damaged", error)
    _check_size(size, ImageKind.HEIC, max_pixels)
    try:
        return _to_bgr(photo.to_pillow())
    except Exception as error:  # noqa: BLE001 - the decoder promises no error type
        _refuse("the HEIC file is damaged or cut short", error)


def _decode_avif(data: bytes, max_pixels: int) -> BgrImage:
    try:
        # Not Image.open: that warns or raises above a size of its own.
        photo = AvifImageFile(io.BytesIO(data))
    except Exception as error:  # noqa: BLE001 - Pillow's plugins promise no error type
        _refuse("the AVIF file is damaged", error)
    _check_size(photo.size, ImageKind.AVIF, max_pixels)
    try:
        ImageOps.exif_transpose(photo, in_place=True)
        return _to_bgr(photo)
    except Exception as error:  # noqa: BLE001 - Pillow's plugins promise no error type
        _refuse("the AVIF file is damaged or cut short", error)


def _to_bgr(picture: Image.Image) -> BgrImage:
    rgb = picture if picture.mode == "RGB" else picture.convert("RGB")  # which copies in any case
    return np.ascontiguousarray(np.asarray(rgb)[:, :, ::-1])


def _check_size(size: tuple[int, int], kind: ImageKind, max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise DataError(
            Reason.IMAGE_TOO_LARGE,
            f"the {kind.value} file claims {width} x {height} pixels, of {max_pixels} allowed",
        )
    if width * height == 0:
        _refuse(f"the {kind.value} file claims {width} x {height} pixels")


def _refuse(why: str, cause: Exception | None = None) -> NoReturn:
    raise DataError(Reason.IMAGE_UNDECODABLE, why) from cause
