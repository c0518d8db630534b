from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow.faces.packs.far_table import FarTable
from dataflow.faces.packs.gap_table import NEXT, Gap, GapTable
from dataflow.gallery.clashes import EXPECTED_CLASHES, ClashLimit, Near
from tests.far_tables import TABLE, TABLE_OF_MEANS

THRESHOLD = 0.55
GAPS = GapTable.of([Gap(users=100, gap=0.3), Gap(users=10_000, gap=0.2)])


counts = st.integers(1, 20)


def beside(nearest: float, others: float = 0.8, count: int = NEXT) -> list[Near]:
    """A user and the next ones."""
    return at(nearest, *[others] * count)


def at(*distances: float) -> list[Near]:
    return [Near(distance) for distance in distances]


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

    assert limit.clash(at(0.29, 0.3), 200) == 0
    assert limit.clash(at(0.31, 0.9), 200) is None
    assert limit.clash([], 200) is None


def test_beyond_it_whoever_stands_out_from_the_next_users_is_refused() -> None:
    limit = ClashLimit(THRESHOLD, TABLE, gaps=GAPS)

    assert limit.clash(beside(0.49), 100) == 0
    assert limit.clash(beside(0.51), 100) is None
    assert limit.clash(beside(0.54), 10_000) == 0
    assert limit.clash(beside(0.49, others=0.6), 10_000) is None


def test_nobody_stands_out_beyond_the_threshold_or_from_few_users() -> None:
    limit = ClashLimit(THRESHOLD, TABLE, gaps=GAPS)

    assert limit.clash(beside(0.56, others=1), 10_000) is None
    assert limit.clash(beside(0.4, others=1, count=NEXT - 1), 10_000) is None
    assert limit.clash(beside(0.45, others=1), 99) is None


def test_where_a_distance_is_set_it_alone_counts() -> None:
    limit = ClashLimit(THRESHOLD, TABLE, fixed=0.1, gaps=GAPS)

    assert limit.clash(beside(0.11, others=1), 10_000) is None
    assert limit.clash(beside(0.09, others=0.1), 10_000) == 0


def test_means_of_several_photos_have_to_be_nearer_by_how_many_both_have() -> None:
    limit = ClashLimit(THRESHOLD, TABLE_OF_MEANS)

    assert limit.distance(200) == pytest.approx(0.3)
    assert limit.distance(200, 1, 2) == limit.distance(200, 2, 1) == pytest.approx(0.25)
    assert limit.distance(200, 2, 2) == limit.distance(200, 9, 3) == pytest.approx(0.2)
    assert ClashLimit(THRESHOLD, TABLE).distance(200, 2, 2) == pytest.approx(0.3)
    assert ClashLimit(THRESHOLD, TABLE_OF_MEANS, 0.4).distance(200, 2, 2) == 0.4


def test_whoever_has_fewer_photos_may_be_the_reason_though_another_is_nearer() -> None:
    limit = ClashLimit(THRESHOLD, TABLE_OF_MEANS)

    assert limit.clash([Near(0.22, 2), Near(0.24, 1)], 200, photos=2) == 1
    assert limit.clash([Near(0.22, 2), Near(0.26, 1)], 200, photos=2) is None
    assert limit.clash([Near(0.22, 2), Near(0.24, 1)], 200, photos=1) == 0


@given(counts, counts, st.integers(0, 10**8))
def test_who_is_the_new_one_makes_no_difference_and_more_photos_never_a_larger_distance(
    one: int, other: int, users: int
) -> None:
    limit = ClashLimit(THRESHOLD, TABLE_OF_MEANS)

    assert limit.distance(users, one, other) == limit.distance(users, other, one)
    assert limit.distance(users, one + 1, other) <= limit.distance(users, one, other)


def test_a_table_without_a_pair_of_counts_takes_that_of_single_photos() -> None:
    half_known = FarTable.of(TABLE.points, {(1, 2): TABLE_OF_MEANS.several[1, 2]})

    assert ClashLimit(THRESHOLD, half_known).distance(200, 2, 2) == pytest.approx(0.3)
