"""The segments before a JPEG's pixels, and the scans that the pixels come in."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from dataflow.faces.image import exif

# One 0xFF and the marker code after it; matching runs of fill bytes would be quadratic.
_MARKER = re.compile(rb"\xff([^\x00\xff])")
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a body
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0 to SOF15
_END, _SCAN, _APP1, _APP14, _COMMENT = 0xD9, 0xDA, 0xE1, 0xEE, 0xFE
_APPLICATION = range(0xE0, 0xF0)
_MAX_SEGMENTS = 4096  # a photo has tens; a file of empty segments must not keep us busy
_COEFFICIENTS = 64


@dataclass(frozen=True, slots=True)
class Segments:
    """What stands before the pixels."""

    essence: bytes
    """All of it that the pixels need: no notes of programs but Adobe's on the colours."""
    exif: bytes
    """Of the first segment that has EXIF, without its prefix; may be empty."""
    components: bytes
    """The names of the colour components, a byte each."""
    scans_at: int
    """Where the first scan begins."""

    def scans_are_complete(self, data: bytes) -> bool:
        """Whether a scan has begun for every bit of every component.

        A progressive JPEG sends its pixels coarsely first, and may end between two scans.
        """
        sent: set[tuple[int, int]] = set()
        at = data.find(b"\xff\xda", self.scans_at)
        while 0 <= at < len(data) - 5:
            names = data[at + 5 : at + 5 + 2 * data[at + 4] : 2]
            settings = data[at + 5 + 2 * data[at + 4] :][:3]
            if len(settings) == 3 and settings[2] & 15 == 0:  # noqa: PLR2004 - to the last bit
                first, last = settings[0], min(settings[1], _COEFFICIENTS - 1)
                sent.update((name, index) for name in names for index in range(first, last + 1))
            at = data.find(b"\xff\xda", at + 2)
        return len(sent) == _COEFFICIENTS * len(set(self.components))


def read_segments(data: bytes) -> Segments | None:
    """Walk to the first scan; ``None`` when the file is damaged or cut short before it."""
    kept, notes, components = [data[:2]], b"", b""
    position = 2
    for _ in range(_MAX_SEGMENTS):
        found = _MARKER.search(data, position)
        if found is None or found[1][0] == _END:
            return None
        marker, start = found[1][0], found.end()
        if marker == _SCAN:
            return Segments(b"".join(kept), notes, components, found.start())
        if marker in _BARE:
            position = start
            continue
        if start + 2 > len(data):
            return None
        position = start + struct.unpack_from(">H", data, start)[0]
        body = data[start + 2 : position]
        if marker == _APP1 and not notes and body.startswith(exif.PREFIX):
            notes = body.removeprefix(exif.PREFIX)
        elif marker in _FRAMES and not components and len(body) > 5:  # noqa: PLR2004
            components = body[6 : 6 + 3 * body[5] : 3]
        if marker == _APP14 or marker not in {*_APPLICATION, _COMMENT}:
            kept.append(data[found.start() : position])
    return None
