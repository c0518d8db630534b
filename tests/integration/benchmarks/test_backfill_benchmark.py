"""`benchmarks.backfill` sends jobs by both lanes and hears of all of them."""

from __future__ import annotations

import os

import pytest

from benchmarks.backfill.__main__ import Plan, measured


@pytest.mark.skipif(
    "TEST_BENCHMARKS" not in os.environ, reason="takes half a minute: set TEST_BENCHMARKS"
)
def test_live_jobs_are_timed_without_and_beside_a_backlog() -> None:
    found = measured(Plan(backlog=100, rounds=1, round_s=3, load=0.3), {})
    assert found.without
    assert found.beside
    assert found.ratio > 0
    assert any("p99 beside / without" in line for line in found.lines())
