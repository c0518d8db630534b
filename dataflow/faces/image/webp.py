"""WebP: its size, its orientation and its pixels."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from dataflow.faces.face import BgrImage
from dataflow.faces.image import exif
from dataflow.faces.image.kind import ImageKind
from dataflow.faces.image.orientation import upright
from dataflow.faces.image.refusal import check_size, refuse_damaged

_FILE_HEADER_BYTES = 12
_CHUNK_HEADER_BYTES = 8
_MAX_CHUNKS = 65_536
_EXIF_FLAG = 0x08
_METADATA = frozenset({b"EXIF", b"XMP ", b"ICCP"})


@dataclass(frozen=True, slots=True)
class _Chunk:
    name: bytes
    start: int
    end: int


def decode_webp(data: bytes, max_pixels: int) -> BgrImage:
    """Decode a still or the first frame of an animation.

    Raises:
        DataError: ``image_too_large`` by the header's word, or ``image_undecodable``.
    """
    try:
        size = _size(data)
    except struct.error as error:
        refuse_damaged(ImageKind.WEBP, error)
    if size is None:
        refuse_damaged(ImageKind.WEBP)
    check_size(size, ImageKind.WEBP, max_pixels)
    chunks = list(_chunks(data))
    orientation = _orientation(data, chunks)
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    file = np.frombuffer(_without_a_cut_tail(data, chunks), np.uint8)
    try:
        # Despite its signature imdecode answers None for what it cannot read.
        pixels: object = cv2.imdecode(file, flags)
    except (cv2.error, MemoryError):
        pixels = None
    if not isinstance(pixels, np.ndarray):
        refuse_damaged(ImageKind.WEBP)
    return upright(pixels, orientation)


def _size(data: bytes) -> tuple[int, int] | None:
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


def _chunks(data: bytes) -> Iterator[_Chunk]:
    position = _FILE_HEADER_BYTES
    for _ in range(_MAX_CHUNKS):
        if position + _CHUNK_HEADER_BYTES > len(data):
            return
        name, length = struct.unpack_from("<4sI", data, position)
        start = position + _CHUNK_HEADER_BYTES
        yield _Chunk(name, start, start + length)
        position = start + length + length % 2


def _orientation(data: bytes, chunks: list[_Chunk]) -> int:
    """What the first EXIF chunk says, if the header announces one, as other programs insist."""
    if chunks[0].name != b"VP8X" or not data[chunks[0].start] & _EXIF_FLAG:
        return 1
    for chunk in chunks:
        if chunk.name == b"EXIF":
            return exif.exif_orientation(data[chunk.start : chunk.end].removeprefix(exif.PREFIX))
    return 1


def _without_a_cut_tail(data: bytes, chunks: list[_Chunk]) -> bytes:
    """Leave out a last chunk that is cut short, when it holds nothing to see."""
    last = chunks[-1]
    if last.end <= len(data) or last.name not in _METADATA:
        return data
    kept = data[_CHUNK_HEADER_BYTES : last.start - _CHUNK_HEADER_BYTES]
    return struct.pack("<4sI", b"RIFF", len(kept)) + kept
