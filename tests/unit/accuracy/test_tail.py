"""The fit to the lowest distances finds what it was made of."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.accuracy.tail import Tail, fit, tail_share

COUNT, SHARE = 20_000, 0.05


def lowest(shape: float, scale: float, level: float = 0.8) -> np.ndarray:
    """Evenly spaced quantiles: all that lie below the level follow a generalised Pareto."""
    ranks = (np.arange(COUNT) + 0.5) / COUNT
    below = Tail(level, SHARE, scale, shape)
    tail = [below.distance(rank) for rank in ranks[ranks < SHARE]]
    return np.concatenate([tail, np.linspace(level, 1.4, COUNT - len(tail))])


@given(st.floats(-0.4, 0.2), st.floats(0.02, 0.08))
def test_a_tail_is_found_again_and_tells_the_distances_beyond_the_pairs(
    shape: float, scale: float
) -> None:
    found = fit(lowest(shape, scale), np.ones(COUNT), SHARE)

    assert found.shape == pytest.approx(shape, abs=0.06)
    assert found.scale == pytest.approx(scale, rel=0.06)
    true = Tail(0.8, SHARE, scale, shape)
    assert found.distance(1e-5) == pytest.approx(true.distance(1e-5), abs=0.05)


@given(st.floats(-0.4, 0.2), st.floats(0.02, 0.08))
def test_a_known_shape_leaves_the_scale_to_be_found(shape: float, scale: float) -> None:
    found = fit(lowest(shape, scale), np.ones(COUNT), SHARE, shape)

    assert found.shape == shape
    assert found.scale == pytest.approx(scale, rel=0.04)


def test_a_weight_counts_as_so_many_distances() -> None:
    distances = np.sort(np.random.default_rng(1).normal(0.9, 0.1, 3000))
    weights = np.random.default_rng(2).integers(0, 4, 3000).astype(np.float64)
    kept = weights > 0

    weighted = fit(distances[kept], weights[kept], SHARE)
    repeated = np.repeat(distances, weights.astype(int))
    plain = fit(repeated, np.ones(len(repeated)), SHARE)

    assert weighted.distance(1e-4) == pytest.approx(plain.distance(1e-4), abs=0.02)


@given(
    st.lists(st.floats(0, 2), min_size=3, max_size=40),
    st.lists(st.floats(1e-9, 1), min_size=2, max_size=5),
)
def test_whatever_the_distances_a_smaller_far_has_no_larger_distance(
    distances: list[float], fars: list[float]
) -> None:
    found = fit(np.sort(np.array(distances)), np.ones(len(distances)), SHARE)
    told = [found.distance(far) for far in sorted(fars)]

    assert told == sorted(told)
    assert all(0 <= distance <= found.level for distance in told)


def test_the_normal_distribution_is_extrapolated_well() -> None:
    distances = np.sort(np.random.default_rng(3).normal(0.9, 0.12, 20_000))
    found = fit(distances, np.ones(len(distances)), tail_share(len(distances)))

    assert found.distance(1e-4) == pytest.approx(0.9 - 3.719 * 0.12, abs=0.02)
    assert found.distance(1e-6) == pytest.approx(0.9 - 4.753 * 0.12, abs=0.06)


@pytest.mark.parametrize(("pairs", "share"), [(500, 0.05), (10_000, 0.02), (1_000_000, 0.005)])
def test_the_more_pairs_the_smaller_the_share_that_is_tail(pairs: int, share: float) -> None:
    assert tail_share(pairs) == pytest.approx(share)
