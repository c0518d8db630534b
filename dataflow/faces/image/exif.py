"""The orientation in EXIF, whatever else is wrong with it."""

from __future__ import annotations

import struct

PREFIX = b"Exif\0\0"
"""Stands before EXIF in JPEG, and in WebP as libvips and older Pillow write it."""

_ORIENTATION = 0x0112
_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_ENTRY_BYTES = 12
_INLINE_BYTES = 4  # longer values stand elsewhere, and the entry says where
# EXIF says SHORT. ImageMagick, libvips and Pillow take other whole numbers as well.
_FORMATS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}


def exif_orientation(exif: bytes) -> int:
    """Read how the stored picture must be turned: 1 to 8, as EXIF numbers it.

    Only the first entry of that tag in the first directory counts, and only that entry must be
    sound: cameras, phones and editors damage the others in many ways, and the name of the maker
    says nothing about which side is up. 1, as it is stored, when there is nothing sound to go by.

    Args:
        exif: a TIFF structure, without the prefix.
    """
    try:
        order = _BYTE_ORDERS[exif[:4]]
        value = _first_value(exif, order)
    except (KeyError, struct.error):
        return 1
    return value if value is not None and 1 <= value <= 8 else 1  # noqa: PLR2004


def _first_value(exif: bytes, order: str) -> int | None:
    (start,) = struct.unpack_from(order + "I", exif, 4)
    (count,) = struct.unpack_from(order + "H", exif, start)
    for index in range(count):
        entry = start + 2 + index * _ENTRY_BYTES
        tag, kind, number = struct.unpack_from(order + "HHI", exif, entry)
        if tag == _ORIENTATION:
            form = order + _FORMATS[kind]
            at = entry + 8
            if number * struct.calcsize(form) > _INLINE_BYTES:
                (at,) = struct.unpack_from(order + "I", exif, at)
            found: tuple[int, ...] = struct.unpack_from(form, exif, at)
            return found[0] if number else None
    return None
