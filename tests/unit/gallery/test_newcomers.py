"""Which of a group's faces stand for somebody new."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from dataflow.gallery.newcomers import MOST_PHOTOS, UnknownFace, best
from tests.builders import photo


def face(
    number: int,
    eyes_px: float | None = None,
    yaw_deg: float = 0,
    *,
    face_index: int = 0,
    ref: str | None = "a.jpg",
) -> UnknownFace:
    quality: Mapping[str, float] | None = None
    if eyes_px is not None:
        quality = {"eye_distance_px": eyes_px, "yaw_deg": yaw_deg, "pitch_deg": 0.0}
    return UnknownFace(photo(number), face_index, None, ref, {}, quality, settled=False)


def numbers(faces: list[UnknownFace]) -> list[int]:
    return [face.photo_id.int for face in faces]


def test_large_faces_that_look_into_the_camera_come_first() -> None:
    faces = [face(1), face(2, 10), face(3, 200, 70), face(4, 200), face(5, 40, -20)]

    assert numbers(best(faces)) == [4, 5, 3, 2, 1]


def test_a_face_whose_image_is_not_known_is_none_to_enrol_by() -> None:
    assert numbers(best([face(1, 40, ref=None), face(2)])) == [2]


@given(
    st.lists(st.tuples(st.integers(1, 12), st.floats(0, 500), st.floats(-180, 180)), max_size=40)
)
def test_it_is_one_face_of_a_photo_and_no_more_than_some(
    seen: list[tuple[int, float, float]],
) -> None:
    faces = [face(number, eyes, yaw, face_index=i) for i, (number, eyes, yaw) in enumerate(seen)]

    chosen = numbers(best(faces))

    assert len(chosen) == len(set(chosen)) == min(MOST_PHOTOS, len({n for n, _, _ in seen}))
