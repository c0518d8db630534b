"""EXIF and XMP, sound and damaged, and where each format keeps them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping

BYTE, ASCII, SHORT, LONG = 1, 2, 3, 4
DESCRIPTION, MAKE, ORIENTATION, RESOLUTION_UNIT = 270, 271, 274, 296
EXIF_POINTER, GPS_POINTER = 34665, 34853
PREFIX = b"Exif\0\0"


def tiff(
    *entries: tuple[int, int, int, int],
    order: str = "<",
    start: int = 8,
    count: int | None = None,
    following: int = 0,
) -> bytes:
    """One directory of (tag, type, count, value) entries; a SHORT stands left in its four bytes."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    body = struct.pack(order + "H", len(entries) if count is None else count)
    for tag, kind, number, value in entries:
        if kind in {SHORT, BYTE} and number == 1:
            field = struct.pack(order + ("H" if kind == SHORT else "B"), value).ljust(4, b"\0")
        else:
            field = struct.pack(order + "I", value)
        body += struct.pack(order + "HHI", tag, kind, number) + field
    return mark + struct.pack(order + "I", start) + body + struct.pack(order + "I", following)


def turned(value: int, kind: int = SHORT, number: int = 1) -> tuple[int, int, int, int]:
    return (ORIENTATION, kind, number, value)


def _beside(*others: tuple[int, int, int, int]) -> Callable[[int], bytes]:
    def build(value: int) -> bytes:
        return tiff(*sorted([turned(value), *others]))

    return build


READABLE: Mapping[str, Callable[[int], bytes]] = {
    "little endian": lambda value: tiff(turned(value)),
    "big endian": lambda value: tiff(turned(value), order=">"),
    "maker's name beyond the end": _beside((MAKE, ASCII, 20, 0xFFFF00)),
    "maker's name of absurd length": _beside((MAKE, ASCII, 0xFFFFFFFF, 8)),
    "maker's name of an unknown type": _beside((MAKE, 99, 1, 0)),
    "maker's name of type 0": _beside((MAKE, 0, 0, 0)),
    "resolution unit of a wrong type": _beside((RESOLUTION_UNIT, ASCII, 4, 0x41414141)),
    "resolution unit as two numbers beyond the end": _beside((RESOLUTION_UNIT, SHORT, 9, 0xFF00)),
    "pointer to itself": _beside((EXIF_POINTER, LONG, 1, 8)),
    "pointer beyond the end": _beside((GPS_POINTER, LONG, 1, 0x7FFFFFFF)),
    "pointer of a wrong type": _beside((EXIF_POINTER, ASCII, 1, 8)),
    "chain that bites its tail": lambda value: tiff(turned(value), following=8),
    "chain that leads beyond the end": lambda value: tiff(turned(value), following=0xFFFFFF),
    "more entries claimed than there are": lambda value: tiff(turned(value), count=40),
    "count of entries in the other byte order": lambda value: tiff(turned(value), count=0x0100),
    "cut after the entry": lambda value: tiff(turned(value))[:-4],
    "entries out of order": lambda value: tiff(turned(value), (MAKE, ASCII, 4, 0)),
    "directory elsewhere": lambda value: (
        tiff(start=64)[:8].ljust(64, b"\xff") + tiff(turned(value))[8:]
    ),
    "later directory of a thumbnail": lambda value: (
        tiff(turned(value), following=26) + tiff(turned(value % 8 + 1))[8:]
    ),
    "as LONG": lambda value: tiff(turned(value, LONG)),
    "as LONG, big endian": lambda value: tiff(turned(value, LONG), order=">"),
    "as BYTE": lambda value: tiff(turned(value, BYTE)),
    "twice, and the first counts": lambda value: tiff(turned(value), turned(value % 8 + 1)),
    "three numbers, and the first counts": lambda value: (
        tiff(turned(26, SHORT, 3)) + struct.pack("<HHH", value, 9, 9)
    ),
}
"""EXIF that says what the orientation is, by the kind of what else is wrong with it."""

UNREADABLE: Mapping[str, bytes] = {
    "nothing": b"",
    "zero": tiff(turned(0)),
    "nine": tiff(turned(9)),
    "65535": tiff(turned(0xFFFF)),
    "of an unknown type": tiff(turned(3, 99)),
    "numbers beyond the end": tiff(turned(0xFFFFFF, SHORT, 3)),
    "none given": tiff(turned(3, SHORT, 0)),
    "no such tag": tiff((MAKE, ASCII, 4, 0x41414141)),
    "directory beyond the end": tiff(turned(3), start=0xFFFFFF),
    "cut in the entry": tiff(turned(3))[:18],
    "no byte order": b"XX" + tiff(turned(3))[2:],
    "noise": bytes(range(256)),
}
"""EXIF without an orientation to go by: the photo is shown as it is stored."""


def xmp(orientation: int) -> bytes:
    return (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description '
        f'xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="{orientation}"/></rdf:RDF>'
        '</x:xmpmeta><?xpacket end="w"?>'
    ).encode()


# JPEG


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def jpeg_with(data: bytes, *segments: bytes) -> bytes:
    """Put segments where cameras put them: right after the start."""
    return data[:2] + b"".join(segments) + data[2:]


def app1(exif: bytes) -> bytes:
    return segment(0xE1, PREFIX + exif)


def app1_xmp(orientation: int) -> bytes:
    return segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp(orientation))


# PNG


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_with(data: bytes, *chunks: bytes, at_end: bool = False) -> bytes:
    """Put chunks after the header, or before the end."""
    position = len(data) - 12 if at_end else 33
    return data[:position] + b"".join(chunks) + data[position:]


def raw_profile(name: str, exif: bytes) -> bytes:
    """EXIF as text, as ImageMagick writes it: a name, a length, lines of hexadecimal digits."""
    digits = (PREFIX + exif).hex()
    lines = "\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
    return f"\n{name}\n{len(digits) // 2:8}\n{lines}\n".encode()


def compressed_text(keyword: str, text: bytes) -> bytes:
    return chunk(b"zTXt", keyword.encode() + b"\0\0" + zlib.compress(text))


def plain_text(keyword: str, text: bytes) -> bytes:
    return chunk(b"tEXt", keyword.encode() + b"\0" + text)


def international_text(keyword: str, text: bytes, *, compressed: bool = False) -> bytes:
    body = zlib.compress(text) if compressed else text
    return chunk(b"iTXt", keyword.encode() + bytes([0, compressed, 0, 0, 0]) + body)


# WebP


def riff(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)


def webp_with(data: bytes, *chunks: bytes, flags: int = 0x08, size: tuple[int, int]) -> bytes:
    """Put chunks behind the picture of a simple WebP file, in an extended one."""
    width, height = (side - 1 for side in size)
    header = bytes([flags, 0, 0, 0]) + width.to_bytes(3, "little") + height.to_bytes(3, "little")
    body = b"WEBP" + riff(b"VP8X", header) + data[12:] + b"".join(chunks)
    return riff(b"RIFF", body)
