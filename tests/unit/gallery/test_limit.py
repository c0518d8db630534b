from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow.gallery.limit import FollowingLimit, rounded_up, smaller_of, wanted_far
from tests.far_tables import TABLE

shares = st.floats(1e-6, 0.9)
counts = st.integers(0, 10_000_000)


@pytest.mark.parametrize(
    ("users", "most"), [(0, 1), (1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (1000, 1024), (1025, 2048)]
)
def test_users_are_rounded_up_to_a_power_of_two(users: int, most: int) -> None:
    assert rounded_up(users) == most


@given(shares, st.integers(1, 1_000_000))
def test_so_many_comparisons_together_reach_the_share_that_was_asked_for(
    max_fpir: float, users: int
) -> None:
    assert 1 - (1 - wanted_far(max_fpir, users)) ** users == pytest.approx(max_fpir, rel=1e-3)


@given(shares, counts, counts)
def test_more_users_never_have_a_larger_distance(max_fpir: float, one: int, other: int) -> None:
    limit = FollowingLimit.by(TABLE, max_fpir)
    few, many = sorted((one, other))

    assert limit.at(few).distance >= limit.at(many).distance


@given(shares, shares, counts)
def test_who_can_bear_less_never_has_a_larger_distance(
    one: float, other: float, users: int
) -> None:
    less, more = sorted((one, other))
    strict, lax = FollowingLimit.by(TABLE, less), FollowingLimit.by(TABLE, more)

    assert strict.at(users).distance <= lax.at(users).distance + 1e-12


@given(shares, st.integers(1, 30), st.data())
def test_the_limit_only_moves_when_the_gallery_has_doubled(
    max_fpir: float, doublings: int, data: st.DataObject
) -> None:
    limit = FollowingLimit.by(TABLE, max_fpir)
    most = 1 << doublings
    users = data.draw(st.integers(most // 2 + 1, most))

    assert limit.at(users) == limit.at(most)


@given(shares, counts)
def test_the_steps_are_what_the_table_says(max_fpir: float, users: int) -> None:
    step = FollowingLimit.by(TABLE, max_fpir).at(users)

    assert step.distance == pytest.approx(TABLE.distance(wanted_far(max_fpir, step.users)))
    assert step.is_kept == (step.far >= TABLE.lowest_far)


def test_below_the_last_rate_of_the_table_the_last_distance_holds() -> None:
    limit = FollowingLimit.by(TABLE, 0.01)

    assert limit.at(4096).is_kept
    assert not limit.at(100_000).is_kept
    assert limit.at(100_000).distance == limit.at(10**9).distance == TABLE.points[-1].distance
    assert all(a > b for a, b in pairwise(limit.distances))


def test_of_two_limits_the_smaller_counts() -> None:
    assert [smaller_of(fixed, 0.4) for fixed in (None, 0.3, 0.5)] == [0.4, 0.3, 0.4]
