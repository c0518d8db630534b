"""The boxes of an AVIF file that say how its picture must be shown."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_MAX_BOXES = 4096  # in one box; a photo has tens
_SAMPLE_ENTRY_BYTES = 78  # before the boxes inside a sequence's description of its pictures
_STSD_BYTES = 8  # version, flags and the number of descriptions
_VERSION_BYTES = 4
_TRANSFORMS = frozenset({b"clap", b"irot", b"imir"})
_TO_THE_TRACK = (b"mdia", b"minf", b"stbl", b"stsd")


@dataclass(frozen=True, slots=True)
class Box:
    """A part of the file: four letters, and where its content starts and ends."""

    name: bytes
    start: int
    end: int


def boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """Walk the boxes that lie side by side; one that does not fit ends the walk."""
    for _ in range(_MAX_BOXES):
        if start + 8 > end:
            return
        size, name = struct.unpack_from(">I4s", data, start)
        header = 8
        if size == 1 and start + 16 <= end:
            (size,) = struct.unpack_from(">Q", data, start + 8)
            header = 16
        elif size == 0:
            size = end - start
        if size < header or start + size > end:
            return
        yield Box(name, start + header, start + size)
        start += size


def transforms(data: bytes) -> list[tuple[bytes, bytes]]:
    """The crop, turn and mirror (``clap``, ``irot``, ``imir``) to be applied, in their order.

    Those of the primary picture, or in a sequence (brand ``avis``) those of its track, which is
    what libavif decodes then. ISO/IEC 23008-12 sections 6.5.9, 6.5.10 and 6.5.12.
    """
    try:
        found = _of_the_track(data) if data[8:12] == b"avis" else _of_the_primary_item(data)
        return [(box.name, data[box.start : box.end]) for box in found if box.name in _TRANSFORMS]
    except struct.error:
        return []


def without_exif(data: bytes) -> bytes:
    """Hide EXIF from a decoder that would refuse the picture over a bad tag in it."""
    meta = _child(data, b"meta", 0, len(data))
    items = meta and _child(data, b"iinf", meta.start + _VERSION_BYTES, meta.end)
    if not items:
        return data
    listed = data[items.start : items.end]
    return data[: items.start] + listed.replace(b"Exif", b"skip") + data[items.end :]


def _child(data: bytes, name: bytes, start: int, end: int) -> Box | None:
    return next((box for box in boxes(data, start, end) if box.name == name), None)


def _of_the_primary_item(data: bytes) -> Iterator[Box]:
    meta = _child(data, b"meta", 0, len(data))
    if meta is None:
        return
    inside = meta.start + _VERSION_BYTES, meta.end
    primary = _child(data, b"pitm", *inside)
    properties = _child(data, b"iprp", *inside)
    if primary is None or properties is None:
        return
    wide = data[primary.start] > 0
    (item,) = struct.unpack_from(">I" if wide else ">H", data, primary.start + _VERSION_BYTES)
    shared = _child(data, b"ipco", properties.start, properties.end)
    if shared is None:
        return
    known = list(boxes(data, shared.start, shared.end))
    for box in boxes(data, properties.start, properties.end):
        if box.name == b"ipma":
            for index in _associations(data, box, item):
                if 1 <= index <= len(known):
                    yield known[index - 1]


def _associations(data: bytes, box: Box, item: int) -> Iterator[int]:
    """Which of the shared properties belong to an item, counted from 1."""
    version, flags = data[box.start], data[box.start + 3]
    id_form, id_bytes = (">I", 4) if version else (">H", 2)
    index_form, index_bytes, mask = (">H", 2, 0x7FFF) if flags & 1 else (">B", 1, 0x7F)
    (count,) = struct.unpack_from(">I", data, box.start + _VERSION_BYTES)
    at = box.start + _VERSION_BYTES + 4
    for _ in range(count):
        if at >= box.end:
            return
        (found,) = struct.unpack_from(id_form, data, at)
        (number,) = struct.unpack_from(">B", data, at + id_bytes)
        at += id_bytes + 1
        if found == item:
            for index in range(number):
                (value,) = struct.unpack_from(index_form, data, at + index * index_bytes)
                yield value & mask
        at += number * index_bytes


def _of_the_track(data: bytes) -> Iterator[Box]:
    movie = _child(data, b"moov", 0, len(data))
    tracks = boxes(data, movie.start, movie.end) if movie else iter(())
    for track in tracks:
        media = track.name == b"trak" and _child(data, b"mdia", track.start, track.end)
        handler = media and _child(data, b"hdlr", media.start, media.end)
        if handler and data[handler.start + 8 : handler.start + 12] == b"pict":
            yield from _of_the_description(data, track)
            return


def _of_the_description(data: bytes, track: Box) -> Iterator[Box]:
    box: Box | None = track
    for name in _TO_THE_TRACK:
        box = box and _child(data, name, box.start, box.end)
    entry = box and _child(data, b"av01", box.start + _STSD_BYTES, box.end)
    if entry:
        yield from boxes(data, entry.start + _SAMPLE_ENTRY_BYTES, entry.end)
