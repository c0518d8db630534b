"""`benchmarks.enrolment` on the demo's people: what it prints, writes, keeps and refuses."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from benchmarks.enrolment.report import PLACE
from dataflow.settings import PREFIX, ModelSettings
from soloface.cli.demo.changes import CHANGES, jpeg
from soloface.cli.demo.people import ENROLLED
from tests.places import REPOSITORY

Run: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(open_settings: ModelSettings, tmp_path: Path) -> Run:
    """The command, as a developer types it, in a folder of its own."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}

    def command(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "benchmarks.enrolment", *map(str, arguments)],
            cwd=tmp_path,
            env=variables
            | {f"{PREFIX}MODEL__ROOT": str(open_settings.root), "PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
            check=False,
        )

    return command


@pytest.mark.skipif(
    "TEST_BENCHMARKS" not in os.environ, reason="takes a minute: set TEST_BENCHMARKS"
)
def test_photos_and_their_worse_versions_are_judged_and_written_down(
    run: Run, tmp_path: Path
) -> None:
    for number, person in enumerate(ENROLLED[:4]):
        home = tmp_path / "people" / f"p{number}"
        home.mkdir(parents=True)
        (home / "0.jpg").write_bytes(jpeg(person.portrait()))
        (home / "1.jpg").write_bytes(CHANGES["dark 55 %"](person.portrait()))
    page = tmp_path / "page.md"
    page.write_text(f"before\n<!-- {PLACE} -->\n<!-- end -->\nafter\n")
    parts = ("--part", "photos", "--part", "several")

    done = run("people", *parts, "--cache", "cache", "--markdown", page)

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
    run: Run, arguments: tuple[str, ...], said: str
) -> None:
    done = run(*arguments)

    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
