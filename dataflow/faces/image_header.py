"""What kind of picture some bytes are and how large it claims to be, without decoding it."""

from __future__ import annotations

import re
import struct
from enum import Enum


class ImageKind(Enum):
    """The formats that soloface reads."""

    JPEG = "JPEG"
    PNG = "PNG"
    WEBP = "WebP"
    HEIC = "HEIC"
    AVIF = "AVIF"


_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_HEADER_LENGTH = 13
_PNG_CHUNK_FRAME = 12  # length, name and checksum
_PNG_MAX_CHUNKS = 65_536  # a photo has thousands at most

_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)

# One 0xFF and the marker code after it; matching runs of fill bytes would be quadratic.
_JPEG_MARKER = re.compile(rb"\xff([^\x00\xff])")
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a body
_JPEG_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15
_JPEG_ENDS = frozenset({0xD9, 0xDA})  # end of image, start of scan: no frame header came
_JPEG_MAX_SEGMENTS = 4096  # a photo has tens; a file of empty segments must not keep us busy


def image_kind(data: bytes) -> ImageKind | None:
    """Tell the format by its first bytes; ``None`` for anything soloface does not read."""
    if data.startswith(b"\xff\xd8\xff"):
        return ImageKind.JPEG
    if data.startswith(_PNG_SIGNATURE):
        return ImageKind.PNG
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ImageKind.WEBP
    if data[4:8] == b"ftyp":
        return _isobmff_kind(data)
    return None


def _isobmff_kind(data: bytes) -> ImageKind | None:
    box = data[: min(int.from_bytes(data[:4], "big"), 256)]
    brands = {box[8:12], *(box[at : at + 4] for at in range(16, len(box), 4))}
    if brands & _AVIF_BRANDS:
        return ImageKind.AVIF
    return ImageKind.HEIC if brands & _HEIC_BRANDS else None


def header_size(data: bytes, kind: ImageKind) -> tuple[int, int] | None:
    """Read the (width, height) in pixels that a JPEG, PNG or WebP header claims.

    ``None`` when the file is damaged in a way that shows without decoding. HEIC and AVIF bury their
    size in nested boxes; their decoders tell it without decoding.
    """
    readers = {
        ImageKind.JPEG: _jpeg_size,
        ImageKind.PNG: _png_size,
        ImageKind.WEBP: _webp_size,
    }
    try:
        return readers[kind](data)
    except struct.error:  # the header ends too soon
        return None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    position = 2
    for _ in range(_JPEG_MAX_SEGMENTS):
        found = _JPEG_MARKER.search(data, position)
        if found is None:
            return None
        marker, body = found[1][0], found.end()
        if marker in _JPEG_FRAME:
            height, width = struct.unpack_from(">HH", data, body + 3)
            return width, height
        if marker in _JPEG_ENDS:
            return None
        skip = 0 if marker in _JPEG_BARE else struct.unpack_from(">H", data, body)[0]
        position = body + skip
    return None


def _png_size(data: bytes) -> tuple[int, int] | None:
    length, name, width, height = struct.unpack_from(">I4sII", data, len(_PNG_SIGNATURE))
    if (length, name) != (_PNG_HEADER_LENGTH, b"IHDR") or not _png_chunks_fit(data):
        return None
    return width, height


def _png_chunks_fit(data: bytes) -> bool:
    """Whether the chunks end, as they must, with IEND within the file.

    OpenCV believes a chunk's length and makes room for it, up to 4 GB, before it reads the chunk.
    """
    position = len(_PNG_SIGNATURE)
    for _ in range(_PNG_MAX_CHUNKS):
        length, name = struct.unpack_from(">I4s", data, position)
        position += length + _PNG_CHUNK_FRAME
        if position > len(data):
            return False
        if name == b"IEND":
            return True
    return False


def _webp_size(data: bytes) -> tuple[int, int] | None:
    chunk = data[12:16]
    if chunk == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if chunk == b"VP8L" and data[20:21] == b"\x2f":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8X":
        width_low, width_high, height_low, height_high = struct.unpack_from("<HBHB", data, 24)
        return (width_high << 16 | width_low) + 1, (height_high << 16 | height_low) + 1
    return None
