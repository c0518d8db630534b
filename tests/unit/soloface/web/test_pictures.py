"""Pictures as they are shown."""

from __future__ import annotations

from io import BytesIO

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dataflow.faces.image import decode_image
from soloface.web.work.pictures import cut_out, whole
from soloface.web.work.wire import Bbox
from tests.metadata import tiff, turned

MOST = 10_000_000


def photo(width: int = 400, height: int = 300) -> bytes:
    pixels = np.full((height, width, 3), 200, np.uint8)
    cv2.circle(pixels, (100, 80), 40, (0, 0, 255), -1)
    return cv2.imencode(".png", pixels)[1].tobytes()


def size(data: bytes) -> tuple[int, int]:
    height, width = decode_image(data, max_pixels=MOST).shape[:2]
    return width, height


def test_a_photo_is_scaled_down_and_never_up() -> None:
    assert size(whole(photo(), px=200, max_pixels=MOST)) == (200, 150)
    assert size(whole(photo(), px=2000, max_pixels=MOST)) == (400, 300)


def test_a_face_is_cut_out_with_a_little_around_it() -> None:
    face = decode_image(
        cut_out(photo(), Bbox(x1=60, y1=40, x2=140, y2=120), px=512, max_pixels=MOST),
        max_pixels=MOST,
    )

    assert face.shape[:2] == (152, 152)
    assert face[76, 76, 2] > 200  # the middle is the face
    assert face[76, 76, 0] < 60
    assert face[2, 2].min() > 150


def test_a_frame_is_drawn_where_the_face_is() -> None:
    box = Bbox(x1=60, y1=40, x2=140, y2=120)
    plain = decode_image(whole(photo(), px=200, max_pixels=MOST), max_pixels=MOST)
    framed = decode_image(whole(photo(), px=200, max_pixels=MOST, bbox=box), max_pixels=MOST)

    changed = np.abs(plain.astype(int) - framed).max(axis=2) > 40
    rows, columns = np.nonzero(changed)
    assert (rows.min() < 20, rows.max() > 60) == (True, True)
    assert (columns.min() < 30, columns.max() > 70) == (True, True)
    assert not changed[100:].any()


@given(*(st.floats(-1e9, 1e9) for _ in range(4)))
def test_a_box_may_be_anything(x1: float, y1: float, x2: float, y2: float) -> None:
    box = Bbox(x1=x1, y1=y1, x2=x2, y2=y2)
    assert max(size(cut_out(photo(), box, px=64, max_pixels=MOST))) <= 64
    assert size(whole(photo(), px=64, max_pixels=MOST, bbox=box)) == (64, 48)


def test_a_picture_keeps_nothing_of_the_file_but_what_is_seen() -> None:
    written = BytesIO()
    comment = b"where the photo was taken"
    Image.new("RGB", (64, 48), "white").save(
        written, "JPEG", exif=b"Exif\0\0" + tiff(turned(6)), comment=comment
    )
    assert comment in written.getvalue()

    for shown in (
        whole(written.getvalue(), px=64, max_pixels=MOST),
        cut_out(written.getvalue(), Bbox(x1=1, y1=1, x2=9, y2=9), px=64, max_pixels=MOST),
    ):
        assert comment not in shown
        assert b"Exif" not in shown
        assert shown[:2] == b"\xff\xd8"
    # It is shown upright.
    assert size(whole(written.getvalue(), px=64, max_pixels=MOST)) == (48, 64)
