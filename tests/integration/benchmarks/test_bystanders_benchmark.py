"""`benchmarks.bystanders` on the demo's people: what it prints and writes."""

from __future__ import annotations

from pathlib import Path

import orjson

from benchmarks.bystanders.report import PLACE
from soloface.cli.demo.changes import CHANGES, jpeg
from soloface.cli.demo.people import ENROLLED, GROUP, load_picture
from tests.fixtures.benchmarks import RunBenchmark
from tests.photos import beside


def test_subjects_and_groups_are_told_apart_and_written_down(
    run_benchmark: RunBenchmark, tmp_path: Path
) -> None:
    ana, bea = ENROLLED[:2]
    for person, other in ((ana, bea), (bea, ana)):
        home = tmp_path / "faces" / "some" / person.name
        home.mkdir(parents=True)
        (home / "0.jpg").write_bytes(CHANGES["quality 25"](person.portrait()))
        (home / "1.jpg").write_bytes(jpeg(beside(person.portrait(), other.portrait())))
    groups = tmp_path / "faces" / "groups"
    groups.mkdir()
    (groups / "0.jpg").write_bytes(jpeg(load_picture(GROUP)))
    page = tmp_path / "page.md"
    page.write_text(f"before\n<!-- {PLACE} -->\n<!-- end -->\nafter\n")

    done = run_benchmark("bystanders", "faces", "--markdown", page, "--json")

    assert done.returncode == 0, done.stderr
    found = orjson.loads(done.stdout)
    half, whole = found["by_size"]["0.5"], found["by_size"]["1.0"]
    assert (half["of"], half["right"], half["wrong"]) == (2, 2, 0)
    assert (half["groups"], half["groups_of"], whole["groups"]) == (0, 1, 1)
    assert found["by_place"]["0.8"]["right"] == 2
    assert found["boxes"]["half as large"]["middles"].keys() == {"right"}
    text = page.read_text()
    assert text.startswith("before\n")
    assert "| 0.50 | 2 of 2 | 2 |" in text
    assert not any(name in text for name in (ana.name, bea.name, str(tmp_path)))
