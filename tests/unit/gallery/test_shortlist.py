"""A shortlist leaves nobody out who may be among the nearest, whatever the codes leave out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow.gallery import shortlist
from dataflow.gallery.coding import Coded
from dataflow.gallery.products import HAS_INTEGERS, float_products, integer_products
from dataflow.gallery.shortlist import Crowd

SIZES = st.integers(0, 300)


@pytest.fixture(params=["integers", "floats"])
def products(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to multiply."""
    if request.param == "integers" and not HAS_INTEGERS:
        pytest.skip("there is no numkong here")
    way = integer_products if request.param == "integers" else float_products
    monkeypatch.setattr(shortlist, "products_with", way)
    # Several blocks of few users.
    monkeypatch.setattr(shortlist, "_PRODUCTS_AT_A_TIME", 256)


def drawn(seed: int, users: int, dimension: int, kind: str) -> np.ndarray:
    """Users who are hard to tell apart, or to code."""
    rng = np.random.default_rng(seed)
    found = rng.standard_normal((users, dimension), dtype=np.float32)
    if kind == "alike":  # far nearer to each other than a code can tell
        found = found[:1] + np.float32(1e-4) * found
    if kind == "equal":
        found = found[rng.integers(0, 3, users)] if users > 3 else found
    if kind == "spiky":  # what is left out is as much as it can be
        found *= np.float32(0.01)
        found[np.arange(users), rng.integers(0, dimension, users)] = 1
    if kind == "wild":
        found *= rng.choice(np.array([0, 1e-20, 1, 1, 1, 1e20], np.float32), (users, 1))
    return found


def likeness(found: np.ndarray, face: np.ndarray) -> np.ndarray:
    """The cosines; of a zero vector, less than any."""
    exact = found.astype(np.float64)
    lengths = np.linalg.norm(exact, axis=1)
    cosines = np.full(len(found), -np.inf)
    cosines[lengths > 0] = (exact @ face.astype(np.float64))[lengths > 0] / lengths[lengths > 0]
    return np.asarray(cosines / np.linalg.norm(face.astype(np.float64)))


def nearest(cosines: np.ndarray, count: int) -> float:
    """The cosine of the last of the nearest; if there are fewer, less than any."""
    return float(np.sort(cosines)[-count]) if len(cosines) >= count else -np.inf


@pytest.mark.usefixtures("products")
@given(
    st.integers(0, 2**32),
    SIZES,
    st.sampled_from([2, 3, 16, 130]),
    st.sampled_from(["apart", "alike", "equal", "spiky", "wild"]),
    st.integers(1, 5),
)
def test_nobody_is_left_out_who_may_be_among_the_nearest(
    seed: int, users: int, dimension: int, kind: str, count: int
) -> None:
    rng = np.random.default_rng(seed)
    faces, inside = rng.integers(1, 20), rng.random() < 0.5
    found = drawn(seed, users, dimension, kind)
    gone = np.flatnonzero(rng.random(users) < 0.2)
    members = np.flatnonzero(rng.random(users) < 0.5) if inside else None
    probes = rng.standard_normal((faces, dimension), dtype=np.float32)
    if users:
        probes += found[rng.integers(0, users, faces)].clip(-1, 1)
    crowd = Crowd(Coded.of(found), gone)
    lists = crowd.shortlists(probes, count, members)

    scope = np.setdiff1d(np.arange(users) if members is None else members, gone)
    assert len(lists) == faces
    for face, one in zip(probes, lists, strict=True):
        listed = one.rows
        assert len(np.unique(listed)) == len(listed)
        assert np.isin(listed, scope).all()
        left_out = np.setdiff1d(scope, listed)
        cosines = likeness(found, face)
        assert (cosines[left_out] < nearest(cosines[scope], count)).all()
        # A zero vector is at no distance, and behind all.
        assert (1 - cosines[left_out] > one.beyond).all()
        assert (one.beyond == np.inf) <= (len(left_out) == 0)


def test_thousands_within_the_error_are_all_listed() -> None:
    found = drawn(3, 4000, 64, "alike")
    crowd = Crowd(Coded.of(np.concatenate([found, -found])))
    (one,) = crowd.shortlists(found[:1], 2)
    assert len(one.rows) > 3000
    assert one.rows.max() < 4000


def test_few_are_listed_where_users_lie_apart() -> None:
    found = drawn(4, 3000, 128, "apart")
    lists = Crowd(Coded.of(found)).shortlists(found[:50] + found[50:100] * np.float32(0.25), 2)
    assert np.mean([len(one.rows) for one in lists]) < 20


def test_of_several_galleries_each_member_is_there_once() -> None:
    galleries = {"hall": np.array([1, 2]), "yard": np.array([2, 4])}
    crowd = Crowd(Coded.of(drawn(5, 5, 8, "apart")), galleries=galleries)
    assert crowd.members(["hall", "yard", "nowhere"]).tolist() == [1, 2, 4]
    assert crowd.members(["nowhere"]).tolist() == []


@pytest.mark.parametrize("number", [0, np.nan, np.inf, 1e30])
def test_a_face_without_a_direction_is_refused(number: float) -> None:
    crowd = Crowd(Coded.of(drawn(6, 5, 2, "apart")))
    with pytest.raises(ValueError, match="vector"):
        crowd.shortlists(np.array([[1, 1], [number, 0]], np.float32), 2)
