"""The chunks of a PNG file: those a picture needs, and what the others say of its orientation."""

from __future__ import annotations

import binascii
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from dataflow.faces.image import exif
from dataflow.faces.image.kind import PNG_SIGNATURE

_HEADER_BYTES = 8  # length and name
_CHECKSUM_BYTES = 4
_MAX_CHUNKS = 65_536  # a photo has thousands at most
_MAX_PROFILE_BYTES = 1_000_000
_TEXTS = frozenset({b"tEXt", b"zTXt"})
_WANTED = frozenset({b"IHDR", b"PLTE", b"IDAT", b"eXIf"}) | _TEXTS
_RAW_EXIF = b"Raw profile type exif\0"
# What ImageMagick writes: a name, the number of bytes, and the bytes in hexadecimal.
_RAW_PROFILE = re.compile(rb"\s*exif\s+\d+\s+([\s0-9A-Fa-f]*)")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of the file: four letters and what belongs to them."""

    name: bytes
    body: bytes
    checksum: int
    """What it should be."""
    sound: bool = True
    """Whether that is what the file says."""

    @classmethod
    def of(cls, name: bytes, body: bytes = b"") -> Chunk:
        """A sound one."""
        return cls(name, body, zlib.crc32(body, zlib.crc32(name)))

    def __bytes__(self) -> bytes:
        head = struct.pack(">I", len(self.body)) + self.name
        return b"".join((head, self.body, struct.pack(">I", self.checksum)))


@dataclass(frozen=True, slots=True)
class Chunks:
    """The chunks of a file that matter here, up to its end."""

    whole: tuple[Chunk, ...]
    cut: Chunk | None
    """The one in which the file ends too soon, as far as it goes."""
    ended: bool
    """Whether the end marker was reached."""


def read_chunks(data: bytes) -> Chunks:
    """Read chunks until the end marker, the end of the file, or more than any photo has."""
    whole: list[Chunk] = []
    position = len(PNG_SIGNATURE)
    for _ in range(_MAX_CHUNKS):
        if position + _HEADER_BYTES > len(data):
            break
        length, name = struct.unpack_from(">I4s", data, position)
        if name == b"IEND":
            return Chunks(tuple(whole), None, ended=True)
        start = position + _HEADER_BYTES
        position = start + length + _CHECKSUM_BYTES
        if name not in _WANTED or (name in _TEXTS and not data.startswith(_RAW_EXIF, start)):
            continue
        body = data[start : start + length]
        if position > len(data):
            return Chunks(tuple(whole), Chunk.of(name, body), ended=False)
        written = int.from_bytes(data[position - _CHECKSUM_BYTES : position], "big")
        checksum = zlib.crc32(body, zlib.crc32(name))
        whole.append(Chunk(name, body, checksum, sound=checksum == written))
    return Chunks(tuple(whole), None, ended=False)


def orientation(chunks: Chunks) -> int:
    """What the first ``eXIf`` says, else a raw profile as ImageMagick writes it."""
    sound = [chunk for chunk in chunks.whole if chunk.sound]
    for chunk in sound:
        if chunk.name == b"eXIf":
            return exif.exif_orientation(chunk.body)
    for profile in islice(_raw_profiles(sound), 1):
        return exif.exif_orientation(profile.removeprefix(exif.PREFIX))
    return 1


def _raw_profiles(chunks: list[Chunk]) -> Iterator[bytes]:
    for chunk in chunks:
        if chunk.name not in _TEXTS or not chunk.body.startswith(_RAW_EXIF):
            continue
        text = chunk.body[len(_RAW_EXIF) :]
        if chunk.name == b"zTXt":
            text = _inflated(text[1:])
        found = _RAW_PROFILE.match(text)
        if found:
            digits = b"".join(found[1].split())
            yield binascii.unhexlify(digits[: len(digits) // 2 * 2])


def _inflated(text: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(text, _MAX_PROFILE_BYTES)
    except zlib.error:
        return b""
