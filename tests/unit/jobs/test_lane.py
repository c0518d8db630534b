"""Whose turn it is where both lanes have jobs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow.jobs.lane import Lane, Turns

SHARES = st.floats(0.01, 0.5)


@given(share=SHARES, pulls=st.lists(st.integers(1, 16), min_size=20, max_size=200))
def test_the_backfill_never_starves_and_takes_no_more_than_its_share(
    share: float, pulls: list[int]
) -> None:
    turns, live, backfill = Turns(share), 0, 0
    for count in pulls:
        turns.took(Lane.LIVE, count)
        live += count
        while turns.owed:
            turns.took(Lane.BACKFILL)
            backfill += 1
        total = live + backfill
        assert share * total - 1 <= backfill <= share * total + 1


@given(share=SHARES, count=st.integers(1, 10_000))
def test_who_had_nothing_to_do_has_saved_up_little(share: float, count: int) -> None:
    turns = Turns(share)
    for _ in range(count):
        turns.took(Lane.LIVE)
    assert turns.owed <= max(2, 32 * share / (1 - share)) + 1e-6


@pytest.mark.parametrize("count", [1, 1000])
def test_without_a_share_it_is_never_the_backfills_turn(count: int) -> None:
    turns = Turns(0)
    turns.took(Lane.LIVE, count)
    assert turns.owed == 0
