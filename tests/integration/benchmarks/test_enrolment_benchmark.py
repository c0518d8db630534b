"""`benchmarks.enrolment` on the demo's people: what it prints, writes, keeps and refuses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.enrolment.__main__ import main
from benchmarks.enrolment.report import PLACE
from soloface.cli.demo.changes import CHANGES, jpeg
from soloface.cli.demo.people import ENROLLED
from tests.fixtures.benchmarks import Complaint, RunBenchmark


@pytest.mark.skipif(
    "TEST_BENCHMARKS" not in os.environ, reason="takes a minute: set TEST_BENCHMARKS"
)
def test_photos_and_their_worse_versions_are_judged_and_written_down(
    run_benchmark: RunBenchmark, tmp_path: Path
) -> None:
    for number, person in enumerate(ENROLLED[:4]):
        home = tmp_path / "people" / f"p{number}"
        home.mkdir(parents=True)
        (home / "0.jpg").write_bytes(jpeg(person.portrait()))
        (home / "1.jpg").write_bytes(CHANGES["dark 55 %"](person.portrait()))
    page = tmp_path / "page.md"
    page.write_text(f"before\n<!-- {PLACE} -->\n<!-- end -->\nafter\n")
    parts = ("--part", "photos", "--part", "several")

    done = run_benchmark("enrolment", "people", *parts, "--cache", "cache", "--markdown", page)

    assert done.returncode == 0, done.stderr
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "| as they are | 8 | 100.0" in text
    assert "### By brightness" in text
    assert "| hidden eyes | " in text
    assert "rank-1 | 100.0 |" in text
    assert str(tmp_path) not in text
    kept = [path.name for path in (tmp_path / "cache").iterdir()]
    assert len(kept) == 2
    assert sum(name.endswith("-measured.npz") for name in kept) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere",), "there is no folder nowhere"),
        ((".", "--markdown", "nowhere.md"), "has no place for"),
        ((".", "--part", "everything"), "everything"),
    ],
)
def test_what_cannot_be_measured_is_said_in_a_line(
    complaint: Complaint, arguments: tuple[str, ...], said: str
) -> None:
    code, told = complaint(main, *arguments)

    assert code != 0
    assert said in told
