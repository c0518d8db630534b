from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow.faces.packs.gap_table import NEXT, Gap, GapTable
from dataflow.gallery.clashes import EXPECTED_CLASHES, ClashLimit
from tests.far_tables import TABLE

THRESHOLD = 0.55
GAPS = GapTable.of([Gap(users=100, gap=0.3), Gap(users=10_000, gap=0.2)])


def beside(nearest: float, others: float = 0.8, count: int = NEXT) -> list[float]:
    """The distances to a user and to the next ones."""
    return [nearest, *[others] * count]


def test_without_figures_or_a_setting_it_is_the_threshold() -> None:
    assert ClashLimit(THRESHOLD).distance(1_000_000) == THRESHOLD


def test_what_is_set_counts_more_than_figures() -> None:
    assert ClashLimit(THRESHOLD, TABLE, 0.9).distance(1_000_000) == 0.9


def test_so_many_clashes_are_expected_by_chance() -> None:
    limit = ClashLimit(THRESHOLD, TABLE)

    assert limit.distance(200) == pytest.approx(TABLE.distance(EXPECTED_CLASHES / 200))
    assert limit.distance(200) == pytest.approx(0.3)


@given(st.integers(0, 10**8), st.integers(0, 10**8))
def test_among_more_users_it_is_never_larger_and_never_above_the_threshold(
    one: int, other: int
) -> None:
    few, many = sorted((one, other))
    limit = ClashLimit(THRESHOLD, TABLE)

    assert limit.distance(many) <= limit.distance(few) <= THRESHOLD


def test_whoever_is_nearer_than_the_limit_is_refused() -> None:
    limit = ClashLimit(THRESHOLD, TABLE)

    assert limit.refuses([0.29, 0.3], 200)
    assert not limit.refuses([0.31, 0.9], 200)
    assert not limit.refuses([], 200)


def test_beyond_it_whoever_stands_out_from_the_next_users_is_refused() -> None:
    limit = ClashLimit(THRESHOLD, TABLE, gaps=GAPS)

    assert limit.refuses(beside(0.49), 100)
    assert not limit.refuses(beside(0.51), 100)
    assert limit.refuses(beside(0.54), 10_000)
    assert not limit.refuses(beside(0.49, others=0.6), 10_000)


def test_nobody_stands_out_beyond_the_threshold_or_from_few_users() -> None:
    limit = ClashLimit(THRESHOLD, TABLE, gaps=GAPS)

    assert not limit.refuses(beside(0.56, others=1), 10_000)
    assert not limit.refuses(beside(0.4, others=1, count=NEXT - 1), 10_000)
    assert not limit.refuses(beside(0.45, others=1), 99)


def test_where_a_distance_is_set_it_alone_counts() -> None:
    limit = ClashLimit(THRESHOLD, TABLE, fixed=0.1, gaps=GAPS)

    assert not limit.refuses(beside(0.11, others=1), 10_000)
    assert limit.refuses(beside(0.09, others=0.1), 10_000)
