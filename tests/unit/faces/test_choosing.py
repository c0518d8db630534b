"""Which face counts: the only one, the clear subject, or the one that a box was drawn around."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dataflow.faces.choosing import FaceIn, RecordedFace, clear_subject, only_face
from dataflow.faces.face import Box
from dataflow.jobs.errors import DataError
from dataflow.jobs.reason import Reason

SIDE = 1000.0


def square(x: float, y: float, side: float) -> Box:
    """A face by its middle and its size."""
    return Box(x - side / 2, y - side / 2, x + side / 2, y + side / 2)


MAIN = square(500, 500, 300)

sides = st.floats(10, 400)
places = st.floats(0, SIDE)
faces = st.lists(st.builds(square, places, places, sides), min_size=1, max_size=6)


def subject(*found: Box) -> int | None:
    return clear_subject(found, SIDE, SIDE)


@pytest.mark.parametrize(
    ("other", "place"),
    [
        (square(100, 100, 150), 0),
        (square(450, 450, 149), 0),
        (square(100, 100, 160), 0),
        (square(100, 100, 240), 0),
        (square(100, 100, 245), None),
        (square(600, 500, 160), None),
    ],
    ids=[
        "half its size",
        "half its size, beside it",
        "larger, at the edge",
        "the largest at the edge",
        "too large even there",
        "larger, in the middle too",
    ],
)
def test_a_face_in_the_middle_is_the_subject_if_others_are_small_or_aside(
    other: Box, place: int | None
) -> None:
    assert subject(MAIN, other) == place
    assert subject(other, MAIN) == (None if place is None else 1 - place)


def test_a_face_at_the_edge_is_the_subject_only_if_others_are_half_its_size() -> None:
    aside = square(200, 500, 300)

    assert subject(aside, square(800, 500, 150)) == 0
    assert subject(aside, square(800, 500, 160)) is None


@given(faces)
def test_two_alike_are_never_a_subject_and_one_alone_always_is(found: list[Box]) -> None:
    largest = max(found, key=lambda face: face.long_side)

    assert subject(*found, largest) is None
    assert subject(largest) == 0


@given(faces, st.randoms(use_true_random=False))
def test_the_subject_depends_on_neither_order_nor_scale(found: list[Box], random: Random) -> None:
    sizes = sorted(face.long_side for face in found)
    assume(len(sizes) == 1 or sizes[-1] > sizes[-2])
    place = subject(*found)
    shuffled = random.sample(found, len(found))

    again = subject(*shuffled)
    scaled = clear_subject([face.scaled(2, 2) for face in found], 2 * SIDE, 2 * SIDE)

    assert (None if again is None else shuffled[again]) == (None if place is None else found[place])
    assert scaled == place
    assert place is None or found[place].long_side == sizes[-1]


def test_the_only_face_counts_and_two_are_too_many() -> None:
    assert only_face([MAIN], SIDE, SIDE) == 0
    with pytest.raises(DataError, match="2 faces found") as refused:
        only_face([MAIN, MAIN], SIDE, SIDE)
    assert refused.value.reason is Reason.MULTIPLE_FACES


LEFT, RIGHT = square(300, 500, 200), square(700, 500, 200)


@pytest.mark.parametrize(
    "drawn",
    [
        LEFT,
        square(300, 500, 90),
        square(300, 500, 500),
        square(280, 440, 320),
        Box(230, 380, 370, 620),
        Box(-50, 300, 450, 620),
    ],
    ids=["as ours", "half", "large", "with the hair", "slim", "over the edge"],
)
def test_a_box_chooses_the_face_that_it_was_drawn_around_in_whatever_manner(drawn: Box) -> None:
    assert FaceIn(drawn)([RIGHT, LEFT], SIDE, SIDE) == 1
    assert FaceIn(drawn)([LEFT], SIDE, SIDE) == 0


@pytest.mark.parametrize(
    "drawn",
    [
        Box(0.2, 0.4, 0.4, 0.6),
        square(300, 900, 200),
        Box(0, 0, SIDE, SIDE),
        Box(200, 400, 400, 1000),
        Box(400, 600, 200, 400),
        Box(300, 500, 300, 500),
        square(300, 500, 601),
        square(300, 500, 66),
    ],
    ids=[
        "shares of the photo",
        "another photo's",
        "the whole photo",
        "the whole person",
        "upside down",
        "a point",
        "three times as large",
        "a third as large",
    ],
)
def test_a_box_around_something_else_fits_no_face(drawn: Box) -> None:
    with pytest.raises(DataError) as refused:
        FaceIn(drawn)([LEFT, RIGHT], SIDE, SIDE)

    assert refused.value.reason is Reason.NO_FACE_IN_BBOX
    assert "found on this photo of 1000x1000 pixels: (200, 400, 400, 600), (" in str(refused.value)


@pytest.mark.parametrize(
    "drawn", [Box(400, 400, 200, 600), Box(200, 600, 400, 400), Box(310, 400, 310, 600)]
)
def test_a_box_whose_corners_are_swapped_or_one_is_called_so(drawn: Box) -> None:
    with pytest.raises(DataError, match="is reversed or empty: x2 must be larger than x1") as told:
        FaceIn(drawn)([LEFT, RIGHT], SIDE, SIDE)

    assert told.value.reason is Reason.NO_FACE_IN_BBOX


def test_of_two_faces_that_a_box_fits_none_is_taken() -> None:
    near = square(320, 520, 200)

    with pytest.raises(DataError) as refused:
        FaceIn(LEFT)([RIGHT, LEFT, near], SIDE, SIDE)

    assert refused.value.reason is Reason.MULTIPLE_FACES_IN_BBOX
    assert str(refused.value) == (
        "the job's bbox (200, 400, 400, 600) fits 2 faces: (200, 400, 400, 600), "
        "(220, 420, 420, 620)"
    )


def test_a_face_without_size_is_nobodys() -> None:
    assert subject(square(500, 500, 0), square(100, 100, 0)) is None


@given(st.lists(st.floats(-400, allow_infinity=False), min_size=3, max_size=3))
def test_whatever_a_publisher_writes_the_message_stays_short(sides: list[float]) -> None:
    away = square(-500, -500, 10)  # where no box from here reaches

    with pytest.raises(DataError) as refused:
        FaceIn(Box(sides[0], sides[1], sides[2], 0))([away], SIDE, SIDE)

    assert refused.value.reason is Reason.NO_FACE_IN_BBOX
    assert len(str(refused.value)) < 200


def test_a_message_lists_four_faces_at_most() -> None:
    with pytest.raises(DataError, match=r"\) and 46 more$"):
        FaceIn(square(0, 0, 10))([LEFT] * 50, SIDE, SIDE)


@given(faces, st.builds(square, places, places, sides))
def test_the_face_that_fits_is_the_same_in_any_order_and_scale(
    found: list[Box], drawn: Box
) -> None:
    def chosen(boxes: list[Box], box: Box) -> Box | Reason:
        try:
            return boxes[FaceIn(box)(boxes, SIDE, SIDE)]
        except DataError as error:
            return error.reason

    answer = chosen(found, drawn)

    assert chosen(found[::-1], drawn) == answer
    twice = chosen([face.scaled(2, 2) for face in found], drawn.scaled(2, 2))
    assert twice == (answer.scaled(2, 2) if isinstance(answer, Box) else answer)


def test_a_recorded_face_is_the_only_one_or_the_one_that_was_there() -> None:
    assert RecordedFace(LEFT)([RIGHT], SIDE, SIDE) == 0
    assert RecordedFace(LEFT)([RIGHT, LEFT], SIDE, SIDE) == 1
    with pytest.raises(DataError) as refused:
        RecordedFace(square(500, 100, 200))([RIGHT, LEFT], SIDE, SIDE)
    assert refused.value.reason is Reason.NO_FACE_IN_BBOX
