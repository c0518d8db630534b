from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow.gallery.clashes import EXPECTED_CLASHES, ClashLimit
from tests.far_tables import TABLE

THRESHOLD = 0.55


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
