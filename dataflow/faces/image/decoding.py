"""From the bytes of a photo to upright pixels, whatever its format."""

from __future__ import annotations

from dataclasses import dataclass

import cv2

from dataflow.faces.face import BgrImage
from dataflow.faces.image.avif import decode_avif
from dataflow.faces.image.heic import decode_heic
from dataflow.faces.image.jpeg import decode_jpeg, read_jpeg
from dataflow.faces.image.kind import ImageKind, image_kind
from dataflow.faces.image.png import decode_png
from dataflow.faces.image.refusal import refuse
from dataflow.faces.image.webp import decode_webp

# The caller reports a damaged photo once; OpenCV need not print about it as well.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

BYTES_PER_PIXEL = 20
"""Memory that the decoding of a photo takes at most, for each pixel of its own."""

_REDUCTIONS = (8, 4, 2)


@dataclass(frozen=True, slots=True)
class Preview:
    """A photo that may have been decoded smaller than it is.

    ``reduction`` is how many pixels of the photo, in each direction, one of ``pixels`` stands for.
    """

    pixels: BgrImage
    reduction: int


def decode_image(data: bytes, *, max_pixels: int) -> BgrImage:
    """Decode a JPEG, PNG, WebP, HEIC or AVIF photo.

    Orientation is applied: EXIF in JPEG, PNG and WebP, the container's own crop, rotation and
    mirroring in HEIC and AVIF. Grey, palette, CMYK and deeper pictures become 8-bit colour.
    Transparency is dropped, not blended: pixels keep the colour they have under it. Of an animation
    the first frame is taken.

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
        refuse("not a JPEG, PNG, WebP, HEIC or AVIF file" if data else "the object is empty")
    match kind:
        case ImageKind.JPEG:
            return decode_jpeg(read_jpeg(data, max_pixels), 1)
        case ImageKind.PNG:
            return decode_png(data, max_pixels)
        case ImageKind.WEBP:
            return decode_webp(data, max_pixels)
        case ImageKind.HEIC:
            return decode_heic(data, max_pixels)
        case ImageKind.AVIF:
            return decode_avif(data, max_pixels)


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
        file = read_jpeg(data, max_pixels)
        longer = max(file.size)
        fitting = (each for each in _REDUCTIONS if longer >= long_side * each)
        reduction = next(fitting, 1)
        return Preview(decode_jpeg(file, reduction), reduction)
    return Preview(decode_image(data, max_pixels=max_pixels), 1)
