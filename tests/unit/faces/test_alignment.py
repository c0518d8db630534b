from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dataflow.faces.alignment import ARCFACE, DLIB, Template, align, similarity
from dataflow.jobs.errors import DataError
from dataflow.jobs.reason import Reason
from tests.photos import ASTRONAUT, read


def moved(
    template: Template, scale: float, degrees: float, x: float, y: float
) -> NDArray[np.float32]:
    """The template's points after the inverse of what `similarity` is to find."""
    turn = np.deg2rad(degrees)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = np.asarray(template.points) @ rotation.T * scale + (x, y)
    return np.asarray(points, np.float32)


@given(st.floats(0.2, 20), st.floats(-180, 180), st.floats(-3000, 3000), st.floats(-3000, 3000))
def test_points_that_are_the_template_moved_are_brought_back_onto_it(
    scale: float, degrees: float, x: float, y: float
) -> None:
    points = moved(DLIB, scale, degrees, x, y)
    matrix = similarity(points, DLIB)
    found = points @ matrix[:, :2].T + matrix[:, 2]
    assert np.abs(found - DLIB.points).max() < 0.01


def test_the_fit_is_the_least_squares_one() -> None:
    points = np.array([(30, 50), (80, 44), (58, 70), (41, 99), (75, 88)], np.float32)
    matrix = similarity(points, ARCFACE)

    def error(candidate: NDArray[np.float64]) -> float:
        return float(
            np.square(points @ candidate[:, :2].T + candidate[:, 2] - ARCFACE.points).sum()
        )

    for nudge in np.random.default_rng(0).normal(0, 1e-3, (20, 4)):
        a, b, x, y = nudge
        assert error(matrix) <= error(matrix + np.array([[a, -b, x], [b, a, y]]))


@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_landmarks_that_make_no_face_are_low_quality(value: float) -> None:
    with pytest.raises(DataError) as caught:
        similarity(np.full((5, 2), value, np.float32), ARCFACE)
    assert caught.value.reason is Reason.LOW_QUALITY


def test_landmarks_outside_the_photo_are_low_quality() -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    with pytest.raises(DataError) as caught:
        align(image, moved(ARCFACE, 1, 0, 5000, 5000), ARCFACE)
    assert caught.value.reason is Reason.LOW_QUALITY


@pytest.mark.parametrize("template", [ARCFACE, DLIB])
def test_a_chip_cut_from_a_region_is_the_chip_cut_from_the_whole_photo(template: Template) -> None:
    image = read(ASTRONAUT)
    landmarks = moved(template, 0.9, 7, 150.3, 40.7)
    whole = cv2.warpAffine(image, similarity(landmarks, template), (template.size, template.size))
    difference = np.abs(align(image, landmarks, template).astype(int) - whole.astype(int))
    assert difference.max() <= 8  # OpenCV rounds positions to 1/32 pixel
    assert difference.mean() < 0.2


def test_what_lies_outside_the_photo_is_black() -> None:
    image = np.full((60, 60, 3), 200, np.uint8)
    chip = align(image, moved(ARCFACE, 1, 0, -56, -56), ARCFACE)
    assert chip[20, 20].tolist() == [0, 0, 0]
    assert chip[80, 80].tolist() == [200, 200, 200]


def test_a_large_face_is_averaged_and_not_sampled() -> None:
    stripes = np.zeros((1500, 1500, 3), np.uint8)
    stripes[:, ::2] = 200
    chip = align(stripes, moved(ARCFACE, 10, 0, 100, 100), ARCFACE)
    assert np.abs(chip.astype(int) - 100).max() <= 12


def test_a_large_face_lands_where_a_small_one_does() -> None:
    gradient = np.linspace(0, 255, 2000)[None, :, None] * np.ones((2000, 1, 3))
    landmarks = moved(ARCFACE, 12, 0, 300, 300)
    chip = align(gradient.astype(np.uint8), landmarks, ARCFACE).astype(float)
    columns = (np.arange(112) * 12 + 300) * 255 / 1999
    assert np.abs(chip[50, :, 0] - columns).max() < 1.5


def test_photos_wider_than_opencv_can_warp_are_cut_all_the_same() -> None:
    image = np.zeros((200, 40_000, 3), np.uint8)
    image[:, 39_000:] = 90
    chip = align(image, moved(ARCFACE, 1, 0, 39_500, 40), ARCFACE)
    assert chip.min() == chip.max() == 90
