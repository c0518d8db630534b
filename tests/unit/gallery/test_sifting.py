"""A bound that passes over no face whose answer may change."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dataflow.gallery.sifting import ROUNDING, may_change

NUMBERS = st.floats(-1, 1, width=32).map(lambda x: x or 0.5)


def vectors(most: int) -> st.SearchStrategy[np.ndarray]:
    return st.integers(0, most).flatmap(lambda n: arrays(np.float32, (n, 5), elements=NUMBERS))


@given(vectors(6), vectors(4), st.floats(0, 2), st.data())
def test_no_face_is_passed_over_that_has_a_user_within_its_bound(
    faces: np.ndarray, users: np.ndarray, reach: float, data: st.DataObject
) -> None:
    bounds = data.draw(arrays(np.float64, len(faces), elements=st.floats(0, 2)))
    found = may_change(faces, bounds, users, reach)

    assert found.shape == (len(faces),)
    for index, vector in enumerate(faces.astype(float)):
        for other in users.astype(float):
            likeness = vector @ other / np.linalg.norm(vector) / np.linalg.norm(other)
            if 1 - likeness < min(bounds[index], reach) - ROUNDING:
                assert found[index]


def test_a_face_that_was_compared_with_nobody_may_always_change() -> None:
    faces = np.eye(3, dtype=np.float32)
    bounds = np.array([np.inf, 0.5, np.inf])
    found = may_change(faces, bounds, np.array([[0, -1, 0]], np.float32), np.inf)
    assert found.tolist() == [True, False, True]
    assert may_change(faces, bounds, faces[:1], 0.9).tolist() == [True, False, False]
