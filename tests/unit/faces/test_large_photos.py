"""Large JPEGs are decoded small, and the answer stays the same."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from dataflow.faces.face import BgrImage, FacePack
from dataflow.faces.image import decode_image
from dataflow.steps.recognition import recognise
from tests.photos import ASTRONAUT

MAX_PIXELS = 100_000_000


def photo(canvas: int, face_share: float) -> bytes:
    """A square JPEG in which the astronaut's picture fills a share of the side."""
    picture = cv2.imread(str(ASTRONAUT))
    assert picture is not None
    side = round(canvas * face_share)
    image = np.full((canvas, canvas, 3), 90, np.uint8)
    image[:side, :side] = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def whole(data: bytes) -> BgrImage:
    return decode_image(data, max_pixels=MAX_PIXELS)


@pytest.mark.parametrize("face_share", [1.0, 0.6, 0.35])
def test_the_face_and_its_box_are_those_of_the_whole_photo(
    any_pack: FacePack, face_share: float
) -> None:
    data = photo(2600, face_share)
    (face,) = any_pack.detect(whole(data))
    found = recognise(data, any_pack, MAX_PIXELS)
    distance = 1 - float(found.embedding @ any_pack.embed(whole(data), face))
    assert distance < 0.1
    for side in ("x1", "y1", "x2", "y2"):
        assert getattr(found.box, side) == pytest.approx(getattr(face.box, side), abs=26)


def test_a_small_face_is_cut_out_of_finer_pixels_than_it_was_found_in(
    any_pack: FacePack, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = photo(2600, 0.5)
    sides = []
    embed = type(any_pack).embed

    def watched(self: object, image: BgrImage, face: object) -> object:
        sides.append(max(image.shape))
        return embed(self, image, face)  # type: ignore[arg-type]

    monkeypatch.setattr(type(any_pack), "embed", watched)
    recognise(data, any_pack, MAX_PIXELS)
    recognise(photo(2600, 1.0), any_pack, MAX_PIXELS)
    small_face, large_face = sides
    assert large_face == 650
    assert small_face > large_face
