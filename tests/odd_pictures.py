"""One picture, stored in every way that cameras, programs and accidents are known to store one.

Each function gives files by what is special about them. All show the same picture the right side
up, once they are read as they are meant. JPEG, PNG and WebP files of these kinds were given to
ImageMagick 6.9, libvips 8.14 and Pillow 13: what two of them agree on is what is meant.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator, Mapping

import cv2
import numpy as np
import pillow_heif
import simplejpeg  # type: ignore[import-untyped]
from PIL import Image

from tests import metadata
from tests.metadata import READABLE, UNREADABLE, tiff, turned
from tests.pictures import UNDO

_WAYS: Mapping[str, Mapping[str, object]] = {
    "progressive": {"progressive": True},
    "with restart markers": {"restart_marker_blocks": 1},
    "not subsampled": {"subsampling": 0},
}

Files = Iterator[tuple[str, bytes]]

_NOTE = "x" * 400  # makes room in a file for other EXIF
_MARGIN = 16


def stored(image: Image.Image, orientation: int) -> Image.Image:
    """The picture as it lies in a file that says this orientation."""
    undo = UNDO[orientation]
    return image if undo is None else image.transpose(undo)


def written(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def jpegs(upright: Image.Image, orientation: int) -> Files:
    image = stored(upright, orientation)
    plain = written(image, "JPEG", quality=95)
    app1 = metadata.app1(tiff(turned(orientation)))
    other = metadata.app1(tiff(turned(orientation % 8 + 1)))
    for name, build in READABLE.items():
        yield name, metadata.jpeg_with(plain, metadata.app1(build(orientation)))
    yield "behind XMP", metadata.jpeg_with(plain, metadata.app1_xmp(orientation), app1)
    wrong = metadata.app1_xmp(orientation % 8 + 1)
    yield "XMP says otherwise", metadata.jpeg_with(plain, wrong, app1)
    yield "a second segment says otherwise", metadata.jpeg_with(plain, app1, other)
    scan = plain.index(b"\xff\xda")
    yield "behind the frame header", plain[:scan] + app1 + plain[scan:]

    sound = metadata.jpeg_with(plain, app1)
    yield "no end marker", sound[:-2]
    yield "half an end marker", sound[:-1]
    yield "zeros instead of the end marker", sound[:-2] + bytes(500)
    yield "something behind the end", sound + b"trailer" * 99
    yield "something before the end", sound[:-2] + b"extra" * 9 + sound[-2:]
    yield "noise before the end", sound[:-2] + bytes(range(255)) + sound[-2:]
    for name, options in _WAYS.items():
        data = metadata.jpeg_with(written(image, "JPEG", quality=95, **options), app1)
        yield name, data
        yield f"{name}, no end marker", data[:-2]
        yield f"{name}, something before the end", data[:-2] + b"extra" + data[-2:]
    for sampling in ("440", "411"):
        data = simplejpeg.encode_jpeg(np.ascontiguousarray(image), 95, colorsubsampling=sampling)
        yield f"sampled {sampling}", metadata.jpeg_with(data, app1)
    yield from _inks(image, app1)


def _inks(image: Image.Image, app1: bytes) -> Files:
    inks = written(image.convert("CMYK"), "JPEG", quality=95)
    assert inks[2:4] == b"\xff\xee"  # Adobe's note: inks are stored upside down
    yield "CMYK", metadata.jpeg_with(inks, app1)
    yield "CMYK, no end marker", metadata.jpeg_with(inks, app1)[:-2]
    yield "CMYK, bad EXIF", metadata.jpeg_with(inks, app1[:-4] + b"\xff\xff\xff\xff")
    note = 4 + int.from_bytes(inks[4:6], "big")
    yield "CMYK without Adobe's note", metadata.jpeg_with(inks[:2] + inks[note:], app1)


def pngs(upright: Image.Image, orientation: int) -> Files:
    image = stored(upright, orientation)
    plain = written(image, "PNG")
    exif = metadata.chunk(b"eXIf", tiff(turned(orientation)))
    other = tiff(turned(orientation % 8 + 1))
    for name, build in READABLE.items():
        chunk = metadata.chunk(b"eXIf", build(orientation))
        yield name, metadata.png_with(plain, chunk)
        profile = metadata.raw_profile("exif", build(orientation))
        text = metadata.compressed_text("Raw profile type exif", profile)
        yield f"{name}, as ImageMagick writes it", metadata.png_with(plain, text)
    yield "at the end", metadata.png_with(plain, exif, at_end=True)
    profile = metadata.raw_profile("exif", tiff(turned(orientation)))
    text = metadata.plain_text("Raw profile type exif", profile)
    yield "raw profile, not compressed", metadata.png_with(plain, text)
    yield "raw profile at the end", metadata.png_with(plain, text, at_end=True)
    wrong = metadata.plain_text("Raw profile type exif", metadata.raw_profile("exif", other))
    yield "raw profile says otherwise", metadata.png_with(plain, wrong, exif)
    xmp = metadata.international_text("XML:com.adobe.xmp", metadata.xmp(orientation % 8 + 1))
    yield "XMP says otherwise", metadata.png_with(plain, xmp, exif)
    yield "a second says otherwise", metadata.png_with(plain, exif, metadata.chunk(b"eXIf", other))

    sound = metadata.png_with(plain, exif)
    for cut in (4, 8, 12, 14, 16, 18, 20):
        yield f"last {cut} bytes missing", sound[:-cut]
    yield "something behind the end", sound + b"trailer" * 99
    for name, chunk in _bad_chunks():
        yield name, metadata.png_with(sound, chunk)
        yield f"{name}, no end", metadata.png_with(sound, chunk)[:-12]
    wide = np.asarray(image)[:, :, ::-1].astype(np.uint16) * 257
    yield "16 bits", metadata.png_with(cv2.imencode(".png", wide)[1].tobytes(), exif)
    palette = image.quantize(4)
    yield "palette", metadata.png_with(written(palette, "PNG"), exif)
    yield "palette with alpha", metadata.png_with(written(palette, "PNG", transparency=0), exif)
    clear = image.copy()
    clear.putalpha(0)
    yield "alpha", metadata.png_with(written(clear, "PNG"), exif)


def _bad_chunks() -> Files:
    yield "bad colour profile", metadata.chunk(b"iCCP", b"x\0\0nothing")
    yield "bad text", metadata.chunk(b"tEXt", b"")
    yield "bad compressed text", metadata.chunk(b"zTXt", b"a\0\0nothing")
    yield "bad gamma", metadata.chunk(b"gAMA", b"\0")
    yield "bad time", metadata.chunk(b"tIME", b"abc")
    yield "transparency without sense", metadata.chunk(b"tRNS", b"abcde")
    yield "palette without sense", metadata.chunk(b"PLTE", b"ab")
    yield "bad checksum of a text", metadata.chunk(b"tEXt", b"a\0b")[:-1] + b"!"
    yield "unknown chunk", metadata.chunk(b"soLO", b"face")


def webps(upright: Image.Image, orientation: int) -> Files:
    image = stored(upright, orientation)
    plain = written(image, "WEBP", quality=95)
    size = image.size
    for name, build in READABLE.items():
        for prefix in (b"", metadata.PREFIX):
            exif = metadata.riff(b"EXIF", prefix + build(orientation))
            title = f"{name}, with the prefix" if prefix else name
            yield title, metadata.webp_with(plain, exif, size=size)
    exif = metadata.riff(b"EXIF", metadata.PREFIX + tiff(turned(orientation)))
    other = metadata.riff(b"EXIF", tiff(turned(orientation % 8 + 1)))
    xmp = metadata.riff(b"XMP ", metadata.xmp(orientation % 8 + 1))
    yield "XMP says otherwise", metadata.webp_with(plain, exif, xmp, flags=0x0C, size=size)
    yield "a second says otherwise", metadata.webp_with(plain, exif, other, size=size)
    both = metadata.webp_with(plain, exif, xmp, flags=0x0C, size=size)
    yield "cut in XMP", both[:-50]
    start = metadata.webp_with(plain, size=size)[:30]
    body = start[8:] + exif + plain[12:]
    yield "before the picture", metadata.riff(b"RIFF", body)
    exif = tiff(turned(orientation))
    yield "lossless", written(image, "WEBP", lossless=True, exif=exif)
    clear = image.copy()
    clear.putalpha(120)
    yield "alpha", written(clear, "WEBP", quality=95, exif=exif)
    more = Image.new("RGB", size)
    for prefix in (b"", metadata.PREFIX):
        yield (
            f"animated {prefix!r}",
            written(
                image, "WEBP", quality=95, save_all=True, append_images=[more], exif=prefix + exif
            ),
        )


def heics(upright: Image.Image, orientation: int) -> Files:
    image = stored(upright, orientation)
    yield from _with_other_exif(_heic(image, orientation), orientation)
    agreeing, wrong = metadata.xmp(orientation), metadata.xmp(orientation % 8 + 1)
    data = _heic(image, orientation, xmp=agreeing)
    yield "XMP says otherwise", data.replace(agreeing, wrong)
    yield "crop", cropping(_heic(_in_a_frame(image), orientation, profile=bytes(28)), image.size)
    clear = image.copy()
    clear.putalpha(120)
    yield "alpha", _heic(clear, orientation)
    yield "tiles", _heic(image, orientation, tile_size=32)
    wide = np.asarray(image).astype(np.uint16) * 257
    for bits in (10, 12):
        deep = pillow_heif.from_bytes("RGB;16", image.size, wide.tobytes())
        yield f"{bits} bits", _heic_of(deep, orientation, bit_depth=bits)
    several = pillow_heif.from_pillow(Image.new("RGB", image.size))
    several.add_from_pillow(image)
    yield "the second is the primary one", _heic_of(several, orientation, primary_index=1)


def _heic(image: Image.Image, orientation: int, profile: bytes = b"", **options: object) -> bytes:
    heif = pillow_heif.from_pillow(image)
    if profile:
        heif.info.update(icc_profile=profile, icc_profile_type="prof")
    return _heic_of(heif, orientation, **options)


def _heic_of(heif: pillow_heif.HeifFile, orientation: int, **options: object) -> bytes:
    file = io.BytesIO()
    for one in heif:
        one.info["exif"] = _roomy_exif(orientation)
    heif.save(file, quality=95, exif=_roomy_exif(orientation), chroma=444, **options)
    return file.getvalue()


def avifs(upright: Image.Image, orientation: int) -> Files:
    image = stored(upright, orientation)
    exif = _roomy_exif(orientation)
    yield from _with_other_exif(written(image, "AVIF", quality=90, exif=exif), orientation)
    wrong = metadata.xmp(orientation % 8 + 1)
    yield "XMP says otherwise", written(image, "AVIF", quality=90, exif=exif, xmp=wrong)
    framed = written(_in_a_frame(image), "AVIF", quality=90, exif=exif, icc_profile=bytes(28))
    yield "crop", cropping(framed, image.size)
    clear = image.copy()
    clear.putalpha(120)
    yield "alpha", written(clear, "AVIF", quality=90, exif=exif)
    if orientation == 1:  # for the others the encoders at hand write no box that turns, or crash
        more = [Image.new("RGB", image.size)]
        sequence = written(image, "AVIF", quality=90, save_all=True, append_images=more)
        yield "sequence", sequence
        deep = np.asarray(image)[:, :, ::-1].astype(np.uint32)
        for bits in (10, 12):
            options = [cv2.IMWRITE_AVIF_DEPTH, bits, cv2.IMWRITE_AVIF_QUALITY, 90]
            levels = (deep * (2**bits - 1) // 255).astype(np.uint16)
            yield f"{bits} bits", cv2.imencode(".avif", levels, options)[1].tobytes()


def _roomy_exif(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[metadata.ORIENTATION] = orientation
    exif[metadata.DESCRIPTION] = _NOTE
    return exif.tobytes()


def _with_other_exif(data: bytes, orientation: int) -> Files:
    """Put other EXIF where the file's own is: in these formats it must not count."""
    note = data.index(_NOTE.encode())
    start = max(data.rfind(mark, 0, note) for mark in (b"MM\0*", b"II*\0"))
    room = note + len(_NOTE) - start
    wrong = orientation % 8 + 1
    others = {
        **{name: build(wrong) for name, build in READABLE.items()},
        **UNREADABLE,
        "resolution unit beyond the end": tiff((metadata.RESOLUTION_UNIT, 2, 4, 0xFFFFFF)),
    }
    for name, exif in others.items():
        yield f"EXIF: {name}", data[:start] + exif.ljust(room, b"\0")[:room] + data[start + room :]


def _in_a_frame(image: Image.Image) -> Image.Image:
    width, height = image.size
    framed = Image.new("RGB", (width + 2 * _MARGIN, height + 4 * _MARGIN), (9, 9, 9))
    framed.paste(image, (2 * _MARGIN, _MARGIN))
    return framed


def cropping(data: bytes, size: tuple[int, int]) -> bytes:
    """Turn the box of a colour profile into one that crops the frame away: both have 40 bytes."""
    right, down = _MARGIN, -_MARGIN  # from the middle of the whole to the middle of what is kept
    aperture = struct.pack(">IIIIiIiI", size[0], 1, size[1], 1, right, 1, down, 1)
    return with_clean_aperture(data, aperture)


def with_clean_aperture(data: bytes, aperture: bytes) -> bytes:
    profile = b"colrprof" + bytes(28)
    properties = data.index(b"ipco")
    index = 1 + sum(1 for _ in _boxes_before(data, properties + 4, data.index(profile) - 4))
    file = bytearray(data.replace(profile, b"clap" + aperture))
    at = file.index(b"ipma") + 8
    (items,) = struct.unpack_from(">I", file, at)
    at += 4
    for _ in range(items):
        for association in range(at + 3, at + 3 + file[at + 2]):
            if file[association] == index:
                file[association] |= 0x80  # a reader must know it: libavif insists
        at += 3 + file[at + 2]
    return bytes(file)


def _boxes_before(data: bytes, start: int, end: int) -> Iterator[int]:
    while start < end:
        yield start
        start += int.from_bytes(data[start : start + 4], "big")


CORPUS: Mapping[str, Callable[[Image.Image, int], Files]] = {
    "JPEG": jpegs,
    "PNG": pngs,
    "WebP": webps,
    "HEIC": heics,
    "AVIF": avifs,
}
