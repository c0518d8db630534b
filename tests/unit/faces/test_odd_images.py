"""Every format, in each orientation, sound and damaged, shows the same upright picture."""

from __future__ import annotations

import io
import struct

import numpy as np
import pillow_heif
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dataflow.faces.image import decode_preview
from dataflow.faces.image.exif import exif_orientation
from tests import metadata
from tests.metadata import READABLE, UNREADABLE, tiff, turned
from tests.odd_pictures import (
    CORPUS,
    Files,
    jpegs,
    stored,
    with_clean_aperture,
    written,
)
from tests.pictures import MAX_PIXELS, UNDO, assert_is_the_picture, decode, picture
from tests.places import REPOSITORY

SIDEWAYS = 6
SIZE = 64, 48
TOLERANCE = 20


@pytest.fixture(autouse=True)
def nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> object:
    """Libraries that print would do so between the lines of the log."""
    yield
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("orientation", UNDO)
@pytest.mark.parametrize("kind", CORPUS)
def test_every_form_of_every_format_is_seen_upright(kind: str, orientation: int) -> None:
    for name, data in CORPUS[kind](picture(), orientation):
        try:
            assert_is_the_picture(decode(data), TOLERANCE)
        except Exception as error:
            error.add_note(f"{kind}, orientation {orientation}: {name}")
            raise


@pytest.mark.parametrize("reduction", [1, 2, 4, 8])
@pytest.mark.parametrize("orientation", UNDO)
def test_a_jpeg_decoded_smaller_is_judged_and_turned_alike(
    orientation: int, reduction: int
) -> None:
    large = picture().resize((640, 480), Image.Resampling.NEAREST)
    for name, data in jpegs(large, orientation):
        try:
            found = decode_preview(data, max_pixels=MAX_PIXELS, long_side=640 // reduction)
            assert found.reduction == reduction
            shrunk = Image.fromarray(found.pixels).resize(SIZE, Image.Resampling.NEAREST)
            assert_is_the_picture(np.ascontiguousarray(shrunk), TOLERANCE)
        except Exception as error:
            error.add_note(f"orientation {orientation}, reduction {reduction}: {name}")
            raise


def without_orientation() -> Files:
    """Files that say nothing of how they must be turned, where it counts."""
    jpeg, png, webp = (written(picture(), kind) for kind in ("JPEG", "PNG", "WEBP"))
    turn = tiff(turned(SIDEWAYS))
    for name, exif in UNREADABLE.items():
        yield f"JPEG: {name}", metadata.jpeg_with(jpeg, metadata.app1(exif))
        yield f"PNG: {name}", metadata.png_with(png, metadata.chunk(b"eXIf", exif))
        chunk = metadata.riff(b"EXIF", exif)
        yield f"WebP: {name}", metadata.webp_with(webp, chunk, size=SIZE)
    yield "JPEG: XMP only", metadata.jpeg_with(jpeg, metadata.app1_xmp(SIDEWAYS))
    foreign = metadata.segment(0xE1, b"Else\0\0" + turn)
    yield "JPEG: not EXIF", metadata.jpeg_with(jpeg, foreign)
    xmp = metadata.international_text("XML:com.adobe.xmp", metadata.xmp(SIDEWAYS))
    yield "PNG: XMP only", metadata.png_with(png, xmp)
    broken = metadata.chunk(b"eXIf", turn)[:-1] + b"!"
    yield "PNG: bad checksum", metadata.png_with(png, broken)
    for text in (
        b"",
        b"\nexif\n",
        b"\nexif\n      9\n7",
        b"\nexif\n   x\n4949",
        b"\niptc\n 2\n4949",
    ):
        profile = metadata.plain_text("Raw profile type exif", text)
        yield f"PNG: raw profile {text!r}", metadata.png_with(png, profile)
    bomb = metadata.chunk(b"zTXt", b"Raw profile type exif\0\0nothing")
    yield "PNG: raw profile that is not compressed", metadata.png_with(png, bomb)
    chunk = metadata.riff(b"XMP ", metadata.xmp(SIDEWAYS))
    yield "WebP: XMP only", metadata.webp_with(webp, chunk, flags=4, size=SIZE)
    chunk = metadata.riff(b"EXIF", turn)
    yield "WebP: not announced", metadata.webp_with(webp, chunk, flags=0, size=SIZE)


def test_without_a_word_that_counts_a_photo_is_shown_as_it_is_stored() -> None:
    for name, data in without_orientation():
        try:
            assert_is_the_picture(decode(data), 30)
        except Exception as error:
            error.add_note(name)
            raise


@given(st.binary(max_size=80), st.sampled_from([b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"]))
def test_any_bytes_are_exif_of_some_orientation(rest: bytes, start: bytes) -> None:
    assert 1 <= exif_orientation(start + rest) <= 8


@given(
    st.sampled_from(sorted(READABLE)),
    st.integers(1, 8),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 255)), max_size=4),
)
def test_damage_to_another_entry_leaves_the_orientation(
    name: str, orientation: int, damage: list[tuple[int, int]]
) -> None:
    del name
    maker = bytearray(tiff(turned(orientation), (metadata.MAKE, metadata.ASCII, 20, 60)))
    for place, value in damage:
        maker[24 + place] = value  # type, count and offset of the entry behind
    assert exif_orientation(bytes(maker)) == orientation


def test_a_sequence_is_turned_by_the_boxes_of_its_track() -> None:
    data = (REPOSITORY / "tests/images/sequence_turned_and_mirrored.avif").read_bytes()
    assert_is_the_picture(decode(data), TOLERANCE)


@pytest.mark.parametrize(
    "aperture",
    [
        (0, 1, 0, 1, 0, 1, 0, 1),
        (64, 0, 48, 0, 0, 0, 0, 0),
        (64, 1, 48, 1, 999, 1, 0, 1),
        (2**32 - 1, 1, 2**32 - 1, 1, 0, 1, 0, 1),
    ],
)
def test_an_avif_crop_that_makes_no_sense_crops_nothing(aperture: tuple[int, ...]) -> None:
    plain = written(picture(), "AVIF", quality=90, icc_profile=bytes(28))
    assert_is_the_picture(
        decode(with_clean_aperture(plain, struct.pack(">IIIIiIiI", *aperture))), TOLERANCE
    )


@pytest.mark.parametrize("bits", [8, 10, 12])
@pytest.mark.parametrize("mode", ["L", "LA"])
def test_grey_heic_of_any_depth_keeps_its_grey(bits: int, mode: str) -> None:
    grey = np.asarray(picture().convert("L"))
    bands = grey[:, :, None].repeat(len(mode), axis=2)
    file = io.BytesIO()
    if bits > 8:
        heif = pillow_heif.from_bytes(f"{mode};16", SIZE, (bands.astype(np.uint16) * 257).tobytes())
    else:
        heif = pillow_heif.from_bytes(mode, SIZE, bands.tobytes())
    heif.save(file, quality=95, bit_depth=bits)
    pixels = decode(file.getvalue())
    assert pixels.shape == (48, 64, 3)
    for row, column in ((10, 10), (10, 50), (40, 10), (40, 50)):
        difference = pixels[row, column].astype(int) - int(grey[row, column])
        assert np.abs(difference).max() <= 4


@pytest.mark.parametrize("depth", [8, 16])
def test_grey_png_keeps_its_grey_and_its_orientation(depth: int) -> None:
    grey = stored(picture(), SIDEWAYS).convert("L")
    wide = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257) if depth == 16 else grey
    exif = metadata.chunk(b"eXIf", tiff(turned(SIDEWAYS)))
    pixels = decode(metadata.png_with(written(wide, "PNG"), exif))
    expected = np.asarray(picture().convert("L"))[:, :, None].repeat(3, axis=2)
    assert np.abs(pixels.astype(int) - expected).max() <= 1
