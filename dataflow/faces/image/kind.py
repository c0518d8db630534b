"""What kind of picture some bytes are."""

from __future__ import annotations

from enum import Enum


class ImageKind(Enum):
    """The formats that soloface reads."""

    JPEG = "JPEG"
    PNG = "PNG"
    WEBP = "WebP"
    HEIC = "HEIC"
    AVIF = "AVIF"


PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEIC_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)


def image_kind(data: bytes) -> ImageKind | None:
    """Tell the format by its first bytes; ``None`` for anything soloface does not read."""
    if data.startswith(b"\xff\xd8\xff"):
        return ImageKind.JPEG
    if data.startswith(PNG_SIGNATURE):
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
