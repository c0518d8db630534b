from __future__ import annotations

import numpy as np
import pytest

from dataflow.faces.detection import detect
from dataflow.faces.face import BgrImage, Box, Face, FacePack
from tests.photos import ASTRONAUT, CAMERAMAN, COFFEE, SIX_PEOPLE, TOM_HANKS, read, rotated, scaled


class Recorder:
    """A detector that finds one face, from the given look on, in the canvas's middle."""

    def __init__(self, finds_at_look: int = 1) -> None:
        self.canvases: list[BgrImage] = []
        self._finds_at_look = finds_at_look

    def find(self, canvas: BgrImage) -> list[Face]:
        self.canvases.append(canvas)
        if len(self.canvases) < self._finds_at_look:
            return []
        return [Face(Box(-8, 16, 64, 900), 0.9, np.full((5, 2), 32, np.float32))]


@pytest.mark.parametrize(
    ("height", "width", "canvas"),
    [(480, 640, (256, 320)), (3000, 4000, (256, 320)), (200, 100, (224, 128)), (5, 5, (32, 32))],
)
def test_the_first_look_is_at_320_pixels_padded_and_never_magnified(
    height: int, width: int, canvas: tuple[int, int]
) -> None:
    detector = Recorder()
    detect(detector, np.full((height, width, 3), 77, np.uint8))
    (seen,) = detector.canvases
    assert seen.shape[:2] == canvas
    shown = min(1, 320 / max(height, width))
    rows, columns = round(height * shown), round(width * shown)
    assert (seen[:rows, :columns] == 77).all()
    assert not seen[rows:].any()
    assert not seen[:, columns:].any()


def test_a_second_look_at_640_follows_only_when_nothing_was_found() -> None:
    once, twice = Recorder(), Recorder(finds_at_look=2)
    photo = np.zeros((1000, 2000, 3), np.uint8)
    assert len(detect(once, photo)) == len(detect(twice, photo)) == 1
    assert [canvas.shape[1] for canvas in once.canvases] == [320]
    assert [canvas.shape[1] for canvas in twice.canvases] == [320, 640]


def test_a_photo_that_was_seen_in_full_is_not_looked_at_again() -> None:
    detector = Recorder(finds_at_look=9)
    assert detect(detector, np.zeros((320, 200, 3), np.uint8)) == []
    assert len(detector.canvases) == 1


def test_faces_are_told_in_pixels_of_the_photo_and_boxes_end_at_its_edges() -> None:
    (face,) = detect(Recorder(), np.zeros((1280, 640, 3), np.uint8))
    assert face.box == Box(0, 64, 256, 1280)
    assert face.landmarks.tolist() == [[128, 128]] * 5
    assert face.landmarks.dtype == np.float32


@pytest.mark.parametrize(
    ("photo", "faces"),
    [(SIX_PEOPLE, 6), (ASTRONAUT, 1), (TOM_HANKS, 1), (CAMERAMAN, 1), (COFFEE, 0)],
    ids=lambda value: getattr(value, "stem", value),
)
def test_both_packs_count_the_faces_of_real_photos(
    any_pack: FacePack, photo: object, faces: int
) -> None:
    found = any_pack.detect(read(photo))  # type: ignore[arg-type]
    assert len(found) == faces
    assert [face.score for face in found] == sorted((face.score for face in found), reverse=True)


def test_landmarks_are_eyes_nose_and_mouth_from_left_to_right(any_pack: FacePack) -> None:
    (face,) = any_pack.detect(read(ASTRONAUT))
    left_eye, right_eye, nose, left_mouth, right_mouth = face.landmarks
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
    assert face.box.x1 < left_eye[0] < right_eye[0] < face.box.x2
    assert face.box.y1 < left_eye[1] < left_mouth[1] < face.box.y2


@pytest.mark.parametrize("factor", [0.4, 2.0, 5.0])
def test_a_face_is_found_at_the_same_place_whatever_the_photo_size(
    any_pack: FacePack, factor: float
) -> None:
    photo = read(ASTRONAUT)
    (expected,) = any_pack.detect(photo)
    (face,) = any_pack.detect(scaled(photo, factor))
    # Within 6 % of the face's width.
    assert np.abs(face.landmarks / factor - expected.landmarks).max() < 5


def test_a_face_in_the_corner_of_a_very_wide_photo_is_found(any_pack: FacePack) -> None:
    photo = np.full((112, 500, 3), 127, np.uint8)
    photo[:, -112:] = read(TOM_HANKS)
    (face,) = any_pack.detect(photo)
    assert face.box.x1 > 380


@pytest.mark.parametrize("degrees", [-15, 15])
def test_a_tilted_face_is_still_one_face(any_pack: FacePack, degrees: float) -> None:
    assert len(any_pack.detect(rotated(read(ASTRONAUT), degrees))) == 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (5000, 1), (33, 31)])
def test_odd_shapes_have_no_face_and_do_no_harm(any_pack: FacePack, shape: tuple[int, int]) -> None:
    assert any_pack.detect(np.zeros((*shape, 3), np.uint8)) == []
