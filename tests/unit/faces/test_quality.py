"""What is measured of a face, and what is asked of it."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dataflow.faces.face import BgrImage, Box, Face, Quality
from dataflow.faces.quality import LENIENT, OFF, STRICT, Flaw, LowQualityError, measure
from dataflow.jobs.errors import DataError
from dataflow.jobs.reason import Reason

FRONTAL = np.array([(60, 80), (100, 80), (80, 101), (64, 120), (96, 120)], np.float32)
GOOD = Quality(0.9, 60, 0.2, 120, 0, 0, 0)


def face(landmarks: np.ndarray = FRONTAL, score: float = 0.9) -> Face:
    return Face(Box(40, 40, 120, 150), score, landmarks.astype(np.float32))


def photo(brightness: int = 128, blur: float = 0) -> BgrImage:
    """Coarse noise in which a detector would find nothing."""
    noise = np.random.default_rng(1).integers(-40, 40, (100, 80, 3))
    pixels = np.clip(noise + brightness, 0, 255).astype(np.uint8)
    pixels = np.asarray(cv2.resize(pixels, (160, 200)), np.uint8)
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), blur), np.uint8) if blur else pixels


def moved(**points: tuple[float, float]) -> np.ndarray:
    """The frontal face with its nose or its mouth elsewhere."""
    landmarks = FRONTAL.copy()
    for name, by in points.items():
        landmarks[{"nose": [2], "mouth": [3, 4]}[name]] += by
    return landmarks


def turned(landmarks: np.ndarray, degrees: float) -> np.ndarray:
    """Turned clockwise, as y points downwards."""
    spin = np.exp(1j * np.radians(degrees))
    points = (landmarks @ (1, 1j) - 80 - 100j) * spin + 80 + 100j
    return np.stack([points.real, points.imag], axis=1)


def test_the_eyes_distance_is_counted_in_pixels_of_the_photo() -> None:
    assert measure(photo(), face()).eye_distance_px == pytest.approx(40)
    assert measure(photo(), face(), reduction=4).eye_distance_px == pytest.approx(160)


def test_a_blurred_face_is_less_sharp_and_a_dark_one_is_not() -> None:
    sharp = measure(photo(), face()).sharpness
    assert measure(photo(blur=1), face()).sharpness < sharp / 1.5
    assert measure(photo(blur=3), face()).sharpness < sharp / 3
    dark = np.asarray(photo() // 3, np.uint8)
    assert measure(dark, face()).sharpness == pytest.approx(sharp, rel=0.2)


def test_a_face_of_one_colour_is_not_sharp() -> None:
    assert measure(np.full((200, 160, 3), 90, np.uint8), face()).sharpness == 0


@pytest.mark.parametrize("grey", [20, 128, 230])
def test_the_brightness_is_the_mean_grey_level_of_the_face(grey: int) -> None:
    pixels = np.full((200, 160, 3), grey, np.uint8)
    assert measure(pixels, face()).brightness == pytest.approx(grey)


def test_a_face_that_looks_into_the_camera_is_not_turned() -> None:
    seen = measure(photo(), face())
    assert (seen.yaw_deg, seen.roll_deg) == (0, 0)
    assert abs(seen.pitch_deg) < 5


def test_the_nose_shows_where_a_face_looks() -> None:
    right = measure(photo(), face(moved(nose=(10, 0)))).yaw_deg
    left = measure(photo(), face(moved(nose=(-10, 0)))).yaw_deg
    assert right == pytest.approx(-left)
    assert 20 < right < 40
    assert measure(photo(), face(moved(nose=(18, 0)))).yaw_deg > right
    assert measure(photo(), face(moved(nose=(0, 8)))).pitch_deg > 10
    assert measure(photo(), face(moved(nose=(0, -8)))).pitch_deg < -10


@pytest.mark.parametrize("degrees", [-90, -30, 12, 45])
def test_a_tilted_head_is_not_taken_for_a_turned_one(degrees: float) -> None:
    looking = moved(nose=(6, 3))
    upright, tilted = (
        measure(photo(), face(looking)),
        measure(photo(), face(turned(looking, degrees))),
    )
    assert tilted.roll_deg == pytest.approx(degrees, abs=0.01)
    assert tilted.yaw_deg == pytest.approx(upright.yaw_deg, abs=0.01)
    assert tilted.pitch_deg == pytest.approx(upright.pitch_deg, abs=0.01)


@pytest.mark.parametrize(
    ("change", "flaw"),
    [
        ({"score": 0.5}, Flaw.LOW_SCORE),
        ({"eye_distance_px": 5}, Flaw.FACE_TOO_SMALL),
        ({"sharpness": 0.005}, Flaw.BLURRED),
        ({"brightness": 10}, Flaw.TOO_DARK),
        ({"brightness": 253}, Flaw.TOO_BRIGHT),
        ({"yaw_deg": 85}, Flaw.TURNED_AWAY),
        ({"yaw_deg": -85}, Flaw.TURNED_AWAY),
        ({"pitch_deg": -65}, Flaw.TURNED_AWAY),
    ],
)
def test_each_flaw_is_named_with_its_measure_and_its_limit(
    change: dict[str, float], flaw: Flaw
) -> None:
    quality = replace(GOOD, **change)
    for policy in (STRICT, LENIENT):
        with pytest.raises(LowQualityError) as refusal:
            policy.require(quality)
        assert (refusal.value.flaw, refusal.value.reason) == (flaw, Reason.LOW_QUALITY)
        assert refusal.value.quality is quality
        assert str(refusal.value).startswith(f"{flaw}: ")
        assert "at least" in refusal.value.detail or "at most" in refusal.value.detail
    OFF.require(quality)


def test_a_good_picture_passes_and_a_tilted_head_is_no_flaw() -> None:
    for policy in (STRICT, LENIENT, OFF):
        policy.require(replace(GOOD, roll_deg=-70))


points = arrays(np.float32, (5, 2), elements=st.floats(-300, 500, width=32))


@given(points)
def test_any_landmarks_give_numbers_or_low_quality(landmarks: np.ndarray) -> None:
    try:
        seen = measure(photo(), face(landmarks))
    except DataError as error:
        refused = error.reason
        assert refused is Reason.LOW_QUALITY
        return
    numbers = [seen.eye_distance_px, seen.sharpness, seen.brightness, seen.yaw_deg, seen.pitch_deg]
    assert np.isfinite([*numbers, seen.roll_deg]).all()
    assert 0 <= seen.brightness <= 255
    assert max(abs(seen.yaw_deg), abs(seen.roll_deg), abs(seen.pitch_deg)) <= 180
