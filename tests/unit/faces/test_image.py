from __future__ import annotations

import io

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import Image

from dataflow.faces.image import decode_preview
from dataflow.jobs.errors import DataError
from dataflow.jobs.reason import Reason
from tests.photos import SIX_PEOPLE
from tests.pictures import (
    MAX_PIXELS,
    UNDO,
    assert_is_the_picture,
    decode,
    jpeg_claiming,
    picture,
    saved,
)


@pytest.mark.parametrize("orientation", UNDO)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIC", "AVIF"])
def test_every_orientation_comes_out_upright(kind: str, orientation: int) -> None:
    undo = UNDO[orientation]
    stored = picture() if undo is None else picture().transpose(undo)
    assert_is_the_picture(decode(saved(stored, kind, orientation)), tolerance=20)


def test_png_of_any_colour_type_becomes_bgr() -> None:
    palette = picture().quantize(4)
    for image in (picture(), picture().convert("RGBA"), palette):
        assert_is_the_picture(decode(saved(image, "PNG")))
    assert_is_the_picture(decode(saved(palette, "PNG", transparency=0)))


def test_transparent_pixels_keep_the_colour_under_them() -> None:
    image = picture()
    image.putalpha(0)
    assert_is_the_picture(decode(saved(image, "PNG")))


@pytest.mark.parametrize("kind", ["WEBP", "HEIC", "AVIF"])
def test_alpha_is_dropped_in_other_formats_too(kind: str) -> None:
    image = picture()
    image.putalpha(255)
    assert_is_the_picture(decode(saved(image, kind)), tolerance=20)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIC", "AVIF"])
def test_grey_becomes_three_equal_channels(kind: str) -> None:
    pixels = decode(saved(picture().convert("L"), kind))
    assert pixels.shape == (48, 64, 3)
    spread = pixels.max(axis=2).astype(int) - pixels.min(axis=2)
    assert spread.max() <= 2
    expected = np.asarray(picture().convert("L"))[10, 10]
    assert abs(int(pixels[10, 10, 0]) - int(expected)) <= 4


@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_are_scaled_and_not_clipped(channels: int) -> None:
    values = np.asarray(picture())[:, :, ::-1]
    wide = (values if channels == 3 else values[:, :, 0]).astype(np.uint16) * 257
    done, data = cv2.imencode(".png", wide)
    assert done
    pixels = decode(data.tobytes())
    assert pixels.dtype == np.uint8
    expected = values if channels == 3 else np.repeat(values[:, :, :1], 3, axis=2)
    assert np.abs(pixels.astype(int) - expected).max() <= 1


def test_one_bit_png_becomes_black_and_white() -> None:
    pixels = decode(
        saved(picture().convert("L").point(lambda v: 255 * (v > 100)).convert("1"), "PNG")
    )
    assert set(np.unique(pixels)) == {0, 255}


def test_cmyk_jpeg_keeps_its_colours() -> None:
    data = saved(picture().convert("CMYK"), "JPEG", quality=95)
    assert_is_the_picture(decode(data), tolerance=20)


def test_progressive_jpeg_is_read() -> None:
    assert_is_the_picture(decode(saved(picture(), "JPEG", progressive=True, quality=95)), 20)


def test_ten_bit_heic_becomes_eight_bits() -> None:
    values = np.asarray(picture()).astype(np.uint16) * 257
    file = io.BytesIO()
    heif = pillow_heif.from_bytes("RGB;16", (64, 48), values.tobytes())
    heif.save(file, quality=95)
    assert_is_the_picture(decode(file.getvalue()), tolerance=20)


def test_an_animation_shows_its_first_frame() -> None:
    data = saved(picture(), "WEBP", save_all=True, append_images=[Image.new("RGB", (64, 48))])
    assert_is_the_picture(decode(data), tolerance=20)


@pytest.mark.parametrize(
    ("long_side", "reduction"),
    [(2000, 1), (641, 1), (640, 2), (320, 4), (161, 4), (160, 8), (9, 8)],
)
def test_a_jpeg_preview_keeps_at_least_the_pixels_asked_for(long_side: int, reduction: int) -> None:
    data = SIX_PEOPLE.read_bytes()  # 1280 x 886
    preview = decode_preview(data, max_pixels=MAX_PIXELS, long_side=long_side)
    assert preview.reduction == reduction
    height, width = preview.pixels.shape[:2]
    assert (width, height) == (1280 // reduction, -(-886 // reduction))
    shrunk = cv2.resize(decode(data), (width, height), interpolation=cv2.INTER_AREA)
    assert np.abs(preview.pixels.astype(int) - shrunk.astype(int)).mean() < 5


@pytest.mark.parametrize("orientation", UNDO)
def test_a_jpeg_preview_is_upright_too(orientation: int) -> None:
    undo = UNDO[orientation]
    large = picture().resize((640, 480), Image.Resampling.NEAREST)
    stored = large if undo is None else large.transpose(undo)
    data = saved(stored, "JPEG", orientation, quality=95)
    preview = decode_preview(data, max_pixels=MAX_PIXELS, long_side=80)
    assert preview.pixels.shape == (60, 80, 3)
    assert np.abs(preview.pixels[10, 10].astype(int) - (30, 30, 220)).max() <= 12
    assert np.abs(preview.pixels[50, 70].astype(int) - (30, 220, 220)).max() <= 12


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "HEIC", "AVIF"])
def test_a_preview_of_another_format_is_the_whole_photo(kind: str) -> None:
    preview = decode_preview(saved(picture(), kind), max_pixels=MAX_PIXELS, long_side=8)
    assert preview.reduction == 1
    assert_is_the_picture(preview.pixels, tolerance=20)


def test_a_preview_is_refused_like_the_whole_photo() -> None:
    for data, reason in (
        (b"", Reason.IMAGE_UNDECODABLE),
        (jpeg_claiming(20_000, 20_000), Reason.IMAGE_TOO_LARGE),
        (jpeg_claiming(9_999, 9_999), Reason.IMAGE_UNDECODABLE),
        (SIX_PEOPLE.read_bytes()[:60_000], Reason.IMAGE_UNDECODABLE),
    ):
        with pytest.raises(DataError) as caught:
            decode_preview(data, max_pixels=MAX_PIXELS, long_side=640)
        assert caught.value.reason is reason


def test_a_real_photo_has_the_pixels_that_another_decoder_sees() -> None:
    pixels = decode(SIX_PEOPLE.read_bytes()).astype(int)
    expected = np.asarray(Image.open(SIX_PEOPLE).convert("RGB"))[:, :, ::-1].astype(int)
    assert np.abs(pixels - expected).mean() < 1
