from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dataflow.faces.image import decode_image
from dataflow.jobs.errors import DataError
from dataflow.jobs.reason import Reason
from tests.photos import ASTRONAUT
from tests.pictures import (
    decode,
    jpeg_claiming,
    picture,
    refusal,
    saved,
)

SIGNATURES = {
    "JPEG": b"\xff\xd8\xff\xe0",
    "PNG": b"\x89PNG\r\n\x1a\n",
    "WebP": b"RIFF\x40\0\0\0WEBPVP8 ",
    "HEIC": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "AVIF": b"\0\0\0\x18ftypavif\0\0\0\0mif1avif",
}


def test_nothing_at_all_is_refused() -> None:
    error = refusal(b"")
    assert error.reason is Reason.IMAGE_UNDECODABLE
    assert str(error) == "the object is empty"


@pytest.mark.parametrize("data", [b"hello", b"<html></html>" * 99, b"GIF89a" + bytes(99), b"\xff"])
def test_other_files_are_refused_by_their_first_bytes(data: bytes) -> None:
    assert str(refusal(data)) == "not a JPEG, PNG, WebP, HEIC or AVIF file"


@pytest.mark.parametrize("kind", SIGNATURES)
def test_a_signature_alone_is_refused(kind: str) -> None:
    error = refusal(SIGNATURES[kind])
    assert error.reason is Reason.IMAGE_UNDECODABLE
    assert kind in str(error)


@pytest.mark.parametrize("kept", [0.02, 0.3, 0.9])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIC", "AVIF"])
def test_a_file_cut_short_is_refused_and_not_half_read(kind: str, kept: float) -> None:
    photo = Image.open(ASTRONAUT).convert("RGB")
    data = saved(photo, kind)
    assert refusal(data[: int(len(data) * kept)]).reason is Reason.IMAGE_UNDECODABLE


def png_claiming(width: int, height: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(999))) + chunk(b"IEND", b"")
    return SIGNATURES["PNG"] + body


def webp_claiming(width: int, height: int) -> bytes:
    canvas = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF\x40\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + canvas


@pytest.mark.parametrize("forge", [jpeg_claiming, png_claiming, webp_claiming])
def test_a_header_that_claims_too_much_is_believed_and_refused_at_once(
    forge: Callable[[int, int], bytes],
) -> None:
    started = time.perf_counter()
    error = refusal(forge(20_000, 20_000))
    assert time.perf_counter() - started < 0.5
    assert error.reason is Reason.IMAGE_TOO_LARGE
    assert "20000 x 20000" in str(error)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIC", "AVIF"])
def test_the_pixel_limit_is_exact_in_every_format(kind: str) -> None:
    data = saved(picture(), kind)
    assert decode_image(data, max_pixels=64 * 48).shape == (48, 64, 3)
    assert refusal(data, max_pixels=64 * 48 - 1).reason is Reason.IMAGE_TOO_LARGE


def test_a_small_jpeg_that_claims_many_pixels_is_refused_before_they_are_filled() -> None:
    started = time.perf_counter()
    error = refusal(jpeg_claiming(9_999, 9_999))
    assert time.perf_counter() - started < 0.5
    assert error.reason is Reason.IMAGE_UNDECODABLE


def test_the_plainest_large_jpeg_is_not_mistaken_for_a_bomb() -> None:
    data = saved(Image.new("L", (4096, 4096), 255), "JPEG", quality=1, progressive=True)
    assert decode(data).shape == (4096, 4096, 3)


def test_a_png_chunk_that_claims_gigabytes_is_refused_before_room_is_made_for_it() -> None:
    data = bytearray(saved(picture(), "PNG"))
    chunk = data.index(b"IDAT") - 4
    data[chunk : chunk + 4] = (0x7FFF_FFFF).to_bytes(4, "big")
    started = time.perf_counter()
    assert refusal(bytes(data)).reason is Reason.IMAGE_UNDECODABLE
    assert time.perf_counter() - started < 0.5


def test_a_picture_without_pixels_is_refused() -> None:
    assert refusal(jpeg_claiming(0, 64)).reason is Reason.IMAGE_UNDECODABLE


@pytest.mark.parametrize(
    ("head", "filler"),
    [
        (b"\xff\xd8\xff\xe0\0\x02", b"\xff"),
        (b"\xff\xd8\xff\xe0\0\x02", b"\xff\x01"),
        (b"\xff\xd8\xff\xe0\0\x02", b"\xff\xe0\0\x02"),
        (b"\xff\xd8\xff\xe0\0\x02", b"\0"),
        (png_claiming(64, 48)[:33], b"\0\0\0\0tEXt\0\0\0\0"),
    ],
)
def test_megabytes_of_filler_are_refused_quickly(head: bytes, filler: bytes) -> None:
    data = head + filler * (8_000_000 // len(filler))
    started = time.perf_counter()
    assert refusal(data).reason is Reason.IMAGE_UNDECODABLE
    assert time.perf_counter() - started < 2


@given(st.sampled_from([b"", *SIGNATURES.values()]), st.binary(max_size=300))
def test_random_bytes_only_ever_raise_data_errors(signature: bytes, rest: bytes) -> None:
    try:
        decode(signature + rest)
    except DataError as error:
        assert error.reason in {Reason.IMAGE_UNDECODABLE, Reason.IMAGE_TOO_LARGE}  # noqa: PT017


WHOLE = {kind: saved(picture(), kind) for kind in ("JPEG", "PNG", "WEBP", "HEIC", "AVIF")}


@given(
    st.sampled_from(sorted(WHOLE)),
    st.lists(st.tuples(st.integers(12, 5000), st.integers(0, 255)), min_size=1, max_size=8),
)
def test_damaged_files_are_read_or_refused_and_nothing_else(
    kind: str, damage: list[tuple[int, int]]
) -> None:
    data = bytearray(WHOLE[kind])
    for position, value in damage:
        data[position % len(data)] = value
    try:
        pixels = decode_image(bytes(data), max_pixels=1_000_000)
    except DataError:
        return
    assert pixels.ndim == 3
