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
        found *= rng.choice(np.float32([0, 1e-20, 1, 1, 1, 1e20]), (users, 1))
    return found


def left_out_wrongly(
    found: np.ndarray, face: np.ndarray, listed: np.ndarray, scope: np.ndarray, count: int
) -> list[int]:
    """Who is not listed although fewer than ``count`` of the scope are surely nearer."""
    exact = found.astype(np.float64)
    lengths = np.linalg.norm(exact, axis=1)
    cosines = np.full(len(found), -np.inf)
    has = lengths > 0
    cosines[has] = (exact[has] @ face.astype(np.float64)) / lengths[has]
    nearest = np.sort(cosines[scope])[::-1]
    bar = nearest[count - 1] if len(nearest) >= count else -np.inf
    return [row for row in np.setdiff1d(scope, listed) if cosines[row] >= bar]


@pytest.mark.usefixtures("products")
@given(
    st.integers(0, 2**32),
    SIZES,
    st.sampled_from([2, 3, 16, 130]),
    st.sampled_from(["apart", "alike", "equal", "spiky", "wild"]),
    st.integers(1, 5),
    st.integers(1, 20),
    st.booleans(),
)
def test_nobody_is_left_out_who_may_be_among_the_nearest(
    seed: int, users: int, dimension: int, kind: str, count: int, faces: int, inside: bool
) -> None:
    rng = np.random.default_rng(seed)
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
    for face, listed in zip(probes, lists, strict=True):
        assert len(np.unique(listed)) == len(listed)
        assert np.isin(listed, scope).all()
        assert left_out_wrongly(found, face, listed, scope, count) == []


def test_thousands_within_the_error_are_all_listed() -> None:
    found = drawn(3, 4000, 64, "alike")
    crowd = Crowd(Coded.of(np.concatenate([found, -found])))
    (listed,) = crowd.shortlists(found[:1], 2)
    assert len(listed) > 3000
    assert listed.max() < 4000


def test_few_are_listed_where_users_lie_apart() -> None:
    found = drawn(4, 3000, 128, "apart")
    lists = Crowd(Coded.of(found)).shortlists(found[:50] + found[50:100] / 4, 2)
    assert np.mean([len(listed) for listed in lists]) < 20


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
