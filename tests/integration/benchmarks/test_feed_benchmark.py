"""The feed's benchmark at its smallest: it measures, and its tables can be written to a page."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.feed.__main__ import PLACE, Size, measure, pages
from benchmarks.report import write_pages
from tests.places import REPOSITORY


@pytest.mark.skipif(
    "TEST_BENCHMARKS" not in os.environ, reason="takes half a minute: set TEST_BENCHMARKS"
)
def test_latency_speed_and_cost_are_measured_and_written_down(tmp_path: Path) -> None:
    size = Size(changes=5, burst=100, jobs=8, photos=16, rounds=2)

    results = measure("least", size)

    assert len(results.idle_s) == len(results.loaded_s) == 5
    assert all(seconds > 0 for seconds in (*results.idle_s, *results.loaded_s))
    pairs = zip(results.taken_s, results.answered_s, strict=True)
    assert all(taken > 0 for taken, _ in pairs)
    assert len(results.answered_s) == 5
    assert all(per_s > 0 for per_s in results.per_s)
    assert len(results.costs) == 2
    assert all(tells.ms > 0 < silent.ms for tells, silent in results.costs)
    page = tmp_path / "page.md"
    page.write_text(f"<!-- {PLACE} -->\n<!-- end -->\n")
    write_pages("said", pages(results), page, PLACE)
    text = page.read_text()
    assert "| from commit to event, worker at work |" in text
    assert "| from a moderator's answer over HTTP to the event |" in text
    assert "| together |" in text
    assert PLACE in (REPOSITORY / "docs" / "performance.md").read_text()
