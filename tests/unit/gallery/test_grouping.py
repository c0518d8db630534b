"""Unknown faces that look like one person come together."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dataflow.gallery.grouping import SMALLEST, grouped


def faces(*degrees: float) -> NDArray[np.float32]:
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def reach(degrees: float) -> float:
    return float(1 - np.cos(np.radians(degrees)))


def test_the_largest_group_comes_first_around_the_one_in_its_middle() -> None:
    groups = grouped(faces(0, 90, 5, 95, 10, 180), reach(8))

    assert [group.places for group in groups] == [(2, 0, 4), (1, 3)]
    assert abs(groups[0].widest - reach(5)) < 1e-6


def test_a_chain_of_neighbours_does_not_make_one_person_of_two() -> None:
    groups = grouped(faces(0, 10, 20, 30, 40, 50), reach(11))

    assert all(len(group.places) <= 3 for group in groups)


def test_one_face_or_none_is_no_group() -> None:
    assert grouped(faces(0), 2) == []
    assert grouped(np.zeros((0, 2), np.float32), 2) == []


@given(st.lists(st.floats(0, 360), max_size=40), st.floats(0, 90))
def test_nobody_is_in_two_groups_and_all_are_near_the_middle(
    degrees: list[float], wide: float
) -> None:
    vectors = faces(*degrees) if degrees else np.zeros((0, 2), np.float32)

    groups = grouped(vectors, reach(wide))

    places = [place for group in groups for place in group.places]
    assert len(places) == len(set(places))
    assert [len(group.places) for group in groups] == sorted(
        (len(group.places) for group in groups), reverse=True
    )
    for group in groups:
        middle, *_ = group.places
        distances = 1 - vectors[list(group.places)] @ vectors[middle]
        assert len(group.places) >= SMALLEST
        assert distances.max() <= reach(wide) + 1e-5
