"""JPEG: its size and its pixels, smaller than they are stored if that is enough."""

from __future__ import annotations

import io
from dataclasses import dataclass

import cv2
import numpy as np
import simplejpeg  # type: ignore[import-untyped]
from PIL.JpegImagePlugin import JpegImageFile

from dataflow.faces.face import BgrImage
from dataflow.faces.image.exif import exif_orientation
from dataflow.faces.image.jpeg_segments import Segments, read_segments
from dataflow.faces.image.kind import ImageKind
from dataflow.faces.image.orientation import upright
from dataflow.faces.image.refusal import check_size, refuse_damaged

# Every 8x8 block of a Huffman-coded JPEG costs at least one bit, so a file with fewer bytes than
# pixels / 512 is cut short, whatever its header claims. The decoder would find out only after
# filling all the claimed pixels with grey: seconds, for a file of 700 bytes.
_MAX_PIXELS_PER_BYTE = 512

_LOST_BYTES = 16  # as many zeros in a row are no pixels, unless the picture is flat there
_END = b"\xff\xd9"
_INKS = frozenset({"CMYK", "YCCK"})
_NOISE = bytes(range(254, 0, -1))  # bits without a pattern, and no marker among them


@dataclass(frozen=True, slots=True)
class JpegFile:
    """A JPEG whose header was read and allowed."""

    data: bytes
    segments: Segments
    size: tuple[int, int]
    """Width and height in pixels, as stored."""
    usual: bool
    """Whether the fast decoder knows its colours and their sampling."""


def read_jpeg(data: bytes, max_pixels: int) -> JpegFile:
    """Read the header.

    Raises:
        DataError: ``image_too_large``, or ``image_undecodable`` when damage shows already.
    """
    segments = read_segments(data)
    if segments is None:
        refuse_damaged(ImageKind.JPEG)
    size, usual = _header(data, segments)
    check_size(size, ImageKind.JPEG, max_pixels)
    if size[0] * size[1] > _MAX_PIXELS_PER_BYTE * len(data):
        refuse_damaged(ImageKind.JPEG)
    return JpegFile(data, segments, size, usual)


def _header(data: bytes, segments: Segments | None = None) -> tuple[tuple[int, int], bool]:
    """The size as the decoder reads it, and whether the fast one is up to the picture."""
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data, strict=False)
    except (ValueError, KeyError):
        plain = segments.essence + data[segments.scans_at :] if segments else data
        return _opened(plain).size, False
    return (width, height), colours not in _INKS


def decode_jpeg(file: JpegFile, reduction: int) -> BgrImage:
    """Decode to a half, a quarter or an eighth of the size (2, 4, 8), or all of it (1).

    Raises:
        DataError: ``image_undecodable``, also when a part of the pixels is missing.
    """
    pixels = None
    if file.usual:
        try:
            pixels = _decoded_fast(file, file.data, reduction, strict=True)
        except (ValueError, MemoryError):  # something is wrong with the file, harmless or not
            pixels = None
    if pixels is None:
        pixels = _decoded_if_whole(file, reduction)
    return upright(pixels, exif_orientation(file.segments.exif))


def _decoded_if_whole(file: JpegFile, reduction: int) -> BgrImage:
    """Decode a file that may lack a part, and refuse it if it does.

    Decoders fill what is missing with grey and do not say how much. A picture is whole when nothing
    that follows the data changes any pixel: it is looked at twice, with nothing and with something
    behind, and at its full size, so that the answer is the same for every reduction.
    """
    start = file.segments.scans_at
    end = file.data.find(_END, start)
    scans = file.data[start:end] if end >= 0 else _without_padding(file.data[start:])
    if end < 0 and not file.segments.scans_are_complete(file.data):
        refuse_damaged(ImageKind.JPEG)
    head = file.segments.essence + scans
    if _header(head) != (file.size, file.usual):
        refuse_damaged(ImageKind.JPEG)
    pixels, other = (_decoded_slowly(file, head + more + _END, 1) for more in (b"", _filler(scans)))
    if not np.array_equal(pixels, other):
        refuse_damaged(ImageKind.JPEG)
    return pixels if reduction == 1 else _decoded_slowly(file, head + _END, reduction)


def _filler(scans: bytes) -> bytes:
    """What a decoder takes for more of the picture wherever it still lacks some.

    Decoders start again at the restart markers, which count from 0 to 7 in a circle, so there is
    something behind the one that would be next and behind all others.
    """
    markers = [bytes([0xFF, code]) for code in range(0xD0, 0xD8)]
    last_at, last = max((scans.rfind(marker), index) for index, marker in enumerate(markers))
    following = last + 1 if last_at >= 0 else 0
    return _NOISE + b"".join(markers[(following + turn) % 8] + _NOISE for turn in range(8))


def _without_padding(scans: bytes) -> bytes:
    """Leave out half an end marker, and zeros in place of what was lost in transfer."""
    kept = scans.rstrip(b"\0")
    if len(scans) - len(kept) >= _LOST_BYTES:
        scans = kept + b"\0"  # which may well be the last of the pixels
    return scans.removesuffix(b"\xff")


def _decoded_slowly(file: JpegFile, data: bytes, reduction: int) -> BgrImage:
    try:
        if file.usual:
            return _decoded_fast(file, data, reduction, strict=False)
        photo = _opened(data)
        width, height = (max(side // reduction, 1) for side in file.size)
        photo.draft(None, (width, height))
        colours = photo.convert("RGB")
        return np.asarray(cv2.cvtColor(np.asarray(colours), cv2.COLOR_RGB2BGR), np.uint8)
    except (ValueError, OSError, SyntaxError, MemoryError) as error:
        refuse_damaged(ImageKind.JPEG, error)


def _decoded_fast(file: JpegFile, data: bytes, reduction: int, *, strict: bool) -> BgrImage:
    width, height = (-(-side // reduction) for side in file.size)
    pixels: BgrImage = simplejpeg.decode_jpeg(
        data, "BGR", min_width=width, min_height=height, strict=strict
    )
    return pixels


def _opened(data: bytes) -> JpegImageFile:
    try:
        # Not Image.open: that warns or raises above a size of its own.
        return JpegImageFile(io.BytesIO(data))
    except Exception as error:  # noqa: BLE001 - Pillow's plugins promise no error type
        refuse_damaged(ImageKind.JPEG, error)
