"""`benchmarks.accuracy` on the demo's people: what it prints, writes, keeps and refuses."""

from __future__ import annotations

import os
from pathlib import Path

import orjson
import pytest

from benchmarks.accuracy.__main__ import main
from benchmarks.accuracy.report import PLACE
from dataflow.settings import OPEN_PACK
from soloface.cli.demo.changes import CHANGES, jpeg
from soloface.cli.demo.people import CAT, ENROLLED, GROUP, STRANGERS, load_picture
from tests.fixtures.benchmarks import Complaint, RunBenchmark

SOME_CHANGES = ("turned +18°", "dark 55 %", "quality 25")


@pytest.fixture(scope="session")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sets of people, one of whom is on a photo of a cat, and a folder of a crowd."""
    folder = tmp_path_factory.mktemp("labelled")
    everybody = (*ENROLLED, *STRANGERS)
    for number, person in enumerate(everybody[:8]):
        home = folder / ("one", "other")[number % 2] / f"p{number}"
        home.mkdir(parents=True)
        (home / "0.jpg").write_bytes(jpeg(person.portrait()))
        for place, change in enumerate(SOME_CHANGES, start=1):
            (home / f"{place}.jpg").write_bytes(CHANGES[change](person.portrait()))
    (folder / "one" / "p0" / "cat.jpg").write_bytes(jpeg(load_picture(CAT)))
    crowd = folder / "groups" / "several"
    crowd.mkdir(parents=True)
    (crowd / "0.jpg").write_bytes(jpeg(load_picture(GROUP)))
    return folder


def test_sets_are_judged_beside_one_another_and_written_down(
    labelled: Path, run_benchmark: RunBenchmark, tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n<!-- {PLACE} -->\n<!-- end -->\nafter\n")
    arguments = ("--markdown", page, "--out", "charts", "--far-table", "far.json")

    done = run_benchmark(
        "accuracy", labelled, "--pack", OPEN_PACK, "--cache", "cache", *arguments, "--json"
    )

    assert done.returncode == 0, done.stderr
    found = orjson.loads(done.stdout)
    (pack,) = found["packs"]
    assert pack["pack"] == OPEN_PACK
    assert pack["contract"].startswith(OPEN_PACK)
    assert pack["photos"]["one"] == {"offered": 17, "refused": {"no_face": 1}}
    assert pack["photos"]["groups/several"] == {"offered": 1, "refused": {"multiple_faces": 1}}
    assert set(pack["sets"]) == {"one", "other", "all together"}
    whole = pack["sets"]["all together"]
    assert (whole["people"], whole["photos"]) == (8, 32)
    assert whole["figures"]["leave_one_out"]["value"] == 1
    assert whole["figures"]["auc"]["value"] > 0.99
    assert len(pack["crossed"]) == 3
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "| groups/several | - | 1 | 0; 1 multiple_faces |" in text
    assert str(tmp_path) not in text
    charts = {path.name for path in (tmp_path / "charts").iterdir()}
    assert {"det-one.png", "limits-open-all-together.png"} <= charts
    (table,) = orjson.loads((tmp_path / "far.json").read_bytes())["packs"]
    assert table["contract"] == pack["contract"]
    assert [one["name"] for one in table["populations"]] == ["one", "other"]
    assert table["populations"][0]["limits"][0]["far"] == 0.1
    (kept,) = (tmp_path / "cache").iterdir()
    assert kept.name.startswith(pack["contract"])


@pytest.mark.skipif(
    "TEST_BENCHMARKS" not in os.environ, reason="takes a minute: set TEST_BENCHMARKS"
)
def test_a_second_run_takes_the_vectors_from_the_cache_and_says_the_same(
    labelled: Path, run_benchmark: RunBenchmark, tmp_path: Path
) -> None:
    first = run_benchmark("accuracy", labelled / "one", "--cache", "cache", "--json")
    (kept,) = (tmp_path / "cache").iterdir()
    written = kept.stat().st_mtime_ns
    again = run_benchmark("accuracy", labelled / "one", "--cache", "cache", "--json")
    plain = run_benchmark("accuracy", labelled / "one")

    assert first.returncode == 0, first.stderr
    assert again.stdout == first.stdout
    assert kept.stat().st_mtime_ns == written
    assert "one, open set of 3 users" in plain.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["absent"], 1, "there is no folder absent"),
        (["."], 1, "holds no photos"),
        (["PHOTOS", "--pack", "nobodys"], 1, "nobodys is not installed"),
        (["PHOTOS", "--same", "one/p0=one/p99"], 1, "there is no person one/p99"),
        (["PHOTOS", "--without", "one/p99"], 1, "--without: there is no person one/p99"),
        (["PHOTOS", "--same", "one/p0"], 2, "--same is SET/PERSON=SET/PERSON"),
        (["PHOTOS", "--markdown", "absent.md"], 2, "absent.md"),
    ],
)
def test_a_mistake_is_told_in_a_line(
    labelled: Path, complaint: Complaint, arguments: list[str], code: int, message: str
) -> None:
    words = [str(labelled) if word == "PHOTOS" else word for word in arguments]

    found, said = complaint(main, *words)

    assert found == code
    assert message in said
