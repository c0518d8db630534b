"""Coded vectors: what is left out of them is known, so that no cosine is wrong by more than it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dataflow.gallery.coding import Coded, rounding

NUMBERS = st.floats(-1, 1, width=32)


def vectors(most: int) -> st.SearchStrategy[np.ndarray]:
    shapes = st.tuples(st.integers(1, most), st.integers(1, 40))
    return shapes.flatmap(lambda shape: arrays(np.float32, shape, elements=NUMBERS))


def directions(of: np.ndarray) -> np.ndarray:
    exact = of.astype(np.float64)
    return np.asarray(exact / np.linalg.norm(exact, axis=1, keepdims=True))


@given(vectors(8))
def test_no_cosine_is_wrong_by_more_than_the_errors_say(found: np.ndarray) -> None:
    coded = Coded.of(found)
    usual = np.setdiff1d(np.arange(len(found)), np.union1d(coded.odd, coded.blank))
    approached = (coded.codes.astype(np.float64) * coded.scales[:, np.newaxis])[usual]
    exact = directions(found[usual])
    errors = coded.errors[usual].astype(np.float64)
    bounds = errors[:, np.newaxis] + (1 + errors[:, np.newaxis]) * errors
    wrong = np.abs(exact @ exact.T - approached @ approached.T)
    assert (np.linalg.norm(exact - approached, axis=1) <= errors).all()
    assert (wrong <= bounds + 1e-12).all()


@given(vectors(4))
def test_single_precision_adds_no_more_than_the_rounding_says(found: np.ndarray) -> None:
    lengths = np.linalg.norm(found.astype(np.float64), axis=1)
    usual = found[(lengths > 1e-3) & (lengths < 1e3)]
    exact = directions(usual) @ directions(usual).T
    # As pgvector does it, with the worst order of adding that there is: one after another.
    products = np.cumsum(usual[:, np.newaxis] * usual, axis=2, dtype=np.float32)[:, :, -1]
    squares = np.cumsum(usual * usual, axis=1, dtype=np.float32)[:, -1].astype(np.float64)
    computed = products / np.sqrt(np.outer(squares, squares))
    assert (np.abs(exact - computed) <= rounding(found.shape[1])).all()


def test_the_errors_are_small() -> None:
    drawn = np.random.default_rng(1).standard_normal((500, 512), dtype=np.float32)
    assert Coded.of(drawn).errors.max() < 0.015


def test_vectors_without_a_direction_or_a_usual_length_are_named() -> None:
    found = np.array([[0, 0], [1, 1], [1e-30, 0], [0, 1e30], [3e38, 3e38]], np.float32)
    coded = Coded.of(found)
    assert coded.blank.tolist() == [0]
    assert coded.odd.tolist() == [2, 3, 4]
    assert not coded.codes[[0, 2, 3, 4]].any()


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        Coded.of(np.array([[1, 0], [number, 0]], np.float32))
