"""A photo is whole when all its pixels are there, whatever else its file lacks."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from dataflow.faces.image import decode_preview
from dataflow.jobs.errors import DataError
from dataflow.jobs.reason import Reason
from tests import metadata
from tests.odd_pictures import written
from tests.photos import ASTRONAUT
from tests.pictures import MAX_PIXELS, assert_is_the_picture, decode, picture, refusal
from tests.places import REPOSITORY


@pytest.fixture(autouse=True)
def nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> object:
    """Libraries that print would do so between the lines of the log."""
    yield
    assert capfd.readouterr() == ("", "")


def photo() -> Image.Image:
    return Image.open(ASTRONAUT).convert("RGB").resize((120, 100))


ENDLESS: dict[str, Callable[[], bytes]] = {
    "plain": lambda: written(photo(), "JPEG"),
    "progressive": lambda: written(photo(), "JPEG", progressive=True),
    "optimized": lambda: written(photo(), "JPEG", optimize=True),
    "restarting often": lambda: written(photo(), "JPEG", restart_marker_blocks=3),
    "restarting by rows": lambda: written(photo(), "JPEG", restart_marker_rows=1),
    "grey": lambda: written(photo().convert("L"), "JPEG"),
    "CMYK": lambda: written(photo().convert("CMYK"), "JPEG"),
}


@pytest.mark.parametrize("long_side", [None, 60, 15])
@pytest.mark.parametrize("name", ENDLESS)
def test_a_jpeg_cut_anywhere_before_its_last_pixel_is_refused(
    name: str, long_side: int | None
) -> None:
    data = ENDLESS[name]()
    whole = decode_preview(data, max_pixels=MAX_PIXELS, long_side=long_side).pixels
    for missing in (1, 2):
        part = decode_preview(data[:-missing], max_pixels=MAX_PIXELS, long_side=long_side).pixels
        assert np.array_equal(part, whole)
    for length in range(len(data) - 8, 20, -97):
        cut = data[:length]
        for part_data in (cut, cut + bytes(999)):
            with pytest.raises(DataError) as caught:
                decode_preview(part_data, max_pixels=MAX_PIXELS, long_side=long_side)
            assert caught.value.reason is Reason.IMAGE_UNDECODABLE


@pytest.mark.parametrize("name", sorted(set(ENDLESS) - {"progressive"}))
def test_an_end_marker_does_not_make_up_for_pixels_that_are_missing(name: str) -> None:
    data = ENDLESS[name]()
    for length in range(len(data) - 8, data.index(b"\xff\xda") + 20, -97):
        assert refusal(data[:length] + b"\xff\xd9").reason is Reason.IMAGE_UNDECODABLE


def test_colours_sampled_in_a_rare_way_are_whole_or_refused_as_well() -> None:
    data = (REPOSITORY / "tests/images/sampled_3x1.jpg").read_bytes()
    for whole in (data, data[:-2], data[:-2] + b"extra" + data[-2:]):
        assert_is_the_picture(decode(whole), tolerance=20)
    assert refusal(data[:-30]).reason is Reason.IMAGE_UNDECODABLE


def test_a_restart_marker_lost_at_the_end_leaves_pixels_missing() -> None:
    data = ENDLESS["restarting often"]()
    for code in range(0xD0, 0xD8):
        refusal(data[: data.rindex(bytes([0xFF, code]))])
        refusal(data[: data.rindex(bytes([0xFF, code])) + 2] + b"\xff\xd9")


def test_a_progressive_jpeg_cut_between_two_scans_is_refused() -> None:
    data = ENDLESS["progressive"]()
    scan = data.index(b"\xff\xda") + 2
    while (scan := data.find(b"\xff\xda", scan + 2)) > 0:
        refusal(data[:scan])


def test_a_png_cut_anywhere_before_its_last_row_is_refused() -> None:
    data = written(photo(), "PNG")
    whole = decode(data)
    for length in range(len(data) - 21, 60, -101):
        refusal(data[:length])
    for missing in range(21):
        assert np.array_equal(decode(data[: len(data) - missing]), whole)


def test_a_png_with_damaged_rows_is_refused() -> None:
    data = bytearray(written(photo(), "PNG"))
    data[len(data) // 2] ^= 1
    refusal(bytes(data))


@pytest.mark.parametrize(
    "header", [(9, 2, 0, 0, 0), (8, 7, 0, 0, 0), (8, 2, 1, 0, 0), (8, 2, 0, 0, 2)]
)
def test_a_png_header_that_no_picture_has_is_refused(header: tuple[int, ...]) -> None:
    body = struct.pack(">IIBBBBB", 64, 48, *header)
    refusal(written(picture(), "PNG")[:8] + metadata.chunk(b"IHDR", body))


def test_a_png_of_a_palette_without_one_is_refused() -> None:
    data = written(picture().quantize(4), "PNG")
    start = data.index(b"PLTE") - 4
    refusal(data[:start] + data[start + 12 + int.from_bytes(data[start : start + 4], "big") :])


def test_a_png_of_few_bytes_cannot_claim_many_rows() -> None:
    data = written(picture(), "PNG")
    body = struct.pack(">IIBBBBB", 9000, 9000, 8, 2, 0, 0, 0)
    refusal(data[:8] + metadata.chunk(b"IHDR", body) + data[33:])


def test_a_raw_profile_that_inflates_to_much_is_read_no_further() -> None:
    bomb = metadata.compressed_text("Raw profile type exif", b"\nexif\n 9\n" + b"0" * 50_000_000)
    data = metadata.png_with(written(picture(), "PNG"), bomb)
    assert_is_the_picture(decode(data))
