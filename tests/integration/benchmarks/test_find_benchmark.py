"""The benchmark of `POST /v1/find`: what it says, and that it measures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.find.__main__ import PLACE, Found, Results, Size, measure, pages
from benchmarks.measure import Sample, Series
from benchmarks.report import write_pages
from tests.places import REPOSITORY


def test_the_share_of_the_loop_is_judged_and_written_down(tmp_path: Path) -> None:
    def series(per_s: float) -> Series:
        return Series((Sample(photos=10, wall_s=10 / per_s, cpu_s=0.5, servers_s=0.1),))

    lanes = {"loop": series(20), "find, 4 clients": series(15), "find, one client": series(10)}
    seconds = {"find, 4 clients": [0.2, 0.3], "find, one client": [0.1, 0.1]}
    results = Results("least", found=[Found("2 MP", lanes, seconds)])
    page = tmp_path / "page.md"
    page.write_text(f"<!-- {PLACE} -->\n<!-- end -->\n")

    write_pages("said", pages(results), page, PLACE)

    text = page.read_text()
    assert "| find, 4 clients | 15.0 | 250 ms | 299 ms | 50.0 | 10.0 | 0.75 | 1.00 |" in text
    assert "| find / loop, 2 MP | ≥ 0.8 | 0.75 | NO |" in text
    assert PLACE in (REPOSITORY / "docs" / "performance.md").read_text()


@pytest.mark.skipif(
    "TEST_BENCHMARKS" not in os.environ, reason="takes half a minute: set TEST_BENCHMARKS"
)
def test_a_server_and_a_loop_are_measured() -> None:
    (found,) = measure("least", Size(("500 px",), rounds=1, round_s=0.2)).found

    assert set(found.lanes) == {"loop", *found.seconds}
    assert all(series.per_s > 0 for series in found.lanes.values())
    assert all(min(seconds) > 0 for seconds in found.seconds.values())
