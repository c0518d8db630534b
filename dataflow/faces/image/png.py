"""PNG: its size and its pixels."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from dataflow.faces.face import BgrImage
from dataflow.faces.image.kind import PNG_SIGNATURE, ImageKind
from dataflow.faces.image.orientation import upright
from dataflow.faces.image.png_chunks import Chunk, Chunks, orientation, read_chunks
from dataflow.faces.image.refusal import check_size, refuse_damaged

_GREY, _COLOUR, _PALETTE, _GREY_ALPHA, _COLOUR_ALPHA = 0, 2, 3, 4, 6
_SAMPLES = {_GREY: 1, _COLOUR: 3, _PALETTE: 1, _GREY_ALPHA: 2, _COLOUR_ALPHA: 4}
_DEPTHS = {
    _GREY: (1, 2, 4, 8, 16),
    _COLOUR: (8, 16),
    _PALETTE: (1, 2, 4, 8),
    _GREY_ALPHA: (8, 16),
    _COLOUR_ALPHA: (8, 16),
}
# Where each pass of an interlaced picture starts, and its steps: across, down (PNG section 8.2).
_PASSES = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
_DEFLATE_MAX_RATIO = 1032  # zlib cannot pack more bytes than this into one
_STEP_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class _Header:
    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool

    @property
    def row_data_bytes(self) -> int:
        """Bytes of all rows before they are compressed, each with the name of its filter."""
        passes = _PASSES if self.interlaced else ((0, 0, 1, 1),)
        total = 0
        for left, top, across, down in passes:
            columns = -(-(self.width - left) // across)
            rows = -(-(self.height - top) // down)
            if columns > 0 and rows > 0:
                total += rows * (1 + -(-columns * self.depth * _SAMPLES[self.colour] // 8))
        return total


def decode_png(data: bytes, max_pixels: int) -> BgrImage:
    """Decode a PNG; a missing end marker is no loss when all rows are there.

    Raises:
        DataError: ``image_too_large`` by the header's word, or ``image_undecodable``.
    """
    chunks = read_chunks(data)
    header = _header(chunks)
    if header is None:
        refuse_damaged(ImageKind.PNG)
    check_size((header.width, header.height), ImageKind.PNG, max_pixels)
    essence = _essence(chunks, header)
    if essence is None:
        refuse_damaged(ImageKind.PNG)
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        # Despite its signature imdecode answers None for what it cannot read.
        pixels: object = cv2.imdecode(np.frombuffer(essence, np.uint8), flags)
    except (cv2.error, MemoryError):
        pixels = None
    if not isinstance(pixels, np.ndarray):
        refuse_damaged(ImageKind.PNG)
    return upright(pixels, orientation(chunks))


def _header(chunks: Chunks) -> _Header | None:
    first = chunks.whole[0] if chunks.whole else None
    if first is None or (first.name, first.sound, len(first.body)) != (b"IHDR", True, 13):
        return None
    width, height, depth, colour, packing, filtering, interlacing = struct.unpack(
        ">IIBBBBB", first.body
    )
    if depth not in _DEPTHS.get(colour, ()) or (packing, filtering) != (0, 0) or interlacing > 1:
        return None
    return _Header(width, height, depth, colour, interlaced=interlacing == 1)


def _essence(chunks: Chunks, header: _Header) -> bytes | None:
    """The same picture without whatever does not show; ``None`` when a part of it is missing.

    libpng prints a line for each thing that it dislikes in a chunk, also in those that show
    nothing, and makes room for whatever length one claims, up to 4 GB.
    """
    kept = [chunks.whole[0]]
    if header.colour == _PALETTE:
        palette = next((chunk for chunk in chunks.whole if chunk.name == b"PLTE"), None)
        if palette is None or not palette.sound:
            return None
        full = 3 << header.depth
        kept.append(Chunk.of(b"PLTE", palette.body[:full].ljust(full, b"\0")))
    rows = [chunk for chunk in chunks.whole if chunk.name == b"IDAT"]
    if not all(chunk.sound for chunk in rows):
        return None
    if chunks.cut is not None and chunks.cut.name == b"IDAT":
        rows.append(chunks.cut)
    packed = sum(len(chunk.body) for chunk in rows)
    if packed * _DEFLATE_MAX_RATIO < header.row_data_bytes:
        return None
    if not chunks.ended:
        end = _missing_end(rows, header.row_data_bytes)
        if end is None:
            return None
        rows.append(Chunk.of(b"IDAT", end))
    kept += rows
    return PNG_SIGNATURE + b"".join(map(bytes, (*kept, Chunk.of(b"IEND"))))


def _missing_end(rows: list[Chunk], row_data_bytes: int) -> bytes | None:
    """What a file that ends too soon lacks of its compressed rows' checksum.

    ``None`` when it lacks a part of the rows themselves, or holds more than them.
    """
    inflater = zlib.decompressobj()
    found, checksum = 0, zlib.adler32(b"")
    try:
        for inflated in _inflated(inflater, rows):
            found += len(inflated)
            checksum = zlib.adler32(inflated, checksum)
            if found > row_data_bytes:
                return None
        if found < row_data_bytes or inflater.unused_data:
            return None
    except zlib.error:
        return None
    if inflater.eof:
        return b""
    whole = checksum.to_bytes(4, "big")
    return next((end for end in (whole[at:] for at in range(4)) if _ends(inflater, end)), None)


def _inflated(inflater: zlib._Decompress, rows: list[Chunk]) -> Iterator[bytes]:
    for chunk in rows:
        rest = chunk.body
        while True:
            inflated = inflater.decompress(rest, _STEP_BYTES)
            yield inflated
            rest = inflater.unconsumed_tail
            if not rest and len(inflated) < _STEP_BYTES:
                break


def _ends(inflater: zlib._Decompress, end: bytes) -> bool:
    trial = inflater.copy()
    try:
        trial.decompress(end)
    except zlib.error:
        return False
    return trial.eof
