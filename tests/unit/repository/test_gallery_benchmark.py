"""What the gallery's benchmark makes of its measurements."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from benchmarks.gallery.__main__ import number
from benchmarks.gallery.chosen import Result
from benchmarks.gallery.comparison import Compared, Comparison
from benchmarks.gallery.crowds import Crowd, Kind
from benchmarks.gallery.line import Built, Line
from benchmarks.gallery.report import Run, pages, said
from benchmarks.report import has_place, write_pages
from connectors.postgres.gallery.proof import Sample
from dataflow.gallery.made_up import disturbed

EXACT = Line("everybody", 48, 1, 0.926, 80, 90, 75)
INDEXED = Line("77 of 1106 lists", 1000, 0.994, 0.987, 4, 6, 3.5)
INDEX = Built(46.4, 45.6, 117.2)


def sizes(*results: Result, kind: Kind = Kind.GROUPED) -> Run:
    return Run(
        kind, 512, comparing=False, faces=1000, versions="PostgreSQL 18", sizes=list(results)
    )


def indexed(users: int, cpu_ms: float) -> Result:
    chosen = Line("77 of 1106 lists", 1000, 0.994, 0.987, 4, 6, cpu_ms)
    return Result(users, 0.31, 7, INDEX, EXACT, chosen, None)


def test_what_soloface_chose_stands_below_the_exact_search(tmp_path: Path) -> None:
    run = sizes(indexed(100_000, 3.5))
    page = tmp_path / "page.md"
    page.write_text("<!-- measured: sizes grouped 512 -->\n<!-- end -->\n")

    write_pages(said(run), pages(run), page, run.place)

    table = page.read_text()

    assert "| 100,000 | everybody | 100.0% (92.6%) | 80.0, 90.0 | 75.0 |" in table
    assert "| 77 of 1106 lists (chosen) | 99.4% (98.7%) |" in table
    assert "| 46 (46) | 117 |" in table


def test_an_exact_search_that_was_kept_is_one_line_and_the_reason_is_said() -> None:
    objection = "the index finds only 93.1% of the nearest users"
    kept = Result(100_000, 0.3, 7, INDEX, EXACT, EXACT, objection)
    run = sizes(kept, kind=Kind.ISOTROPIC)

    (page,) = pages(run)

    assert [row[1] for row in page.rows] == ["everybody (chosen)"]
    assert f"soloface kept the exact search, because {objection}" in said(run)
    assert run.place == "measured: sizes isotropic 512"


def test_a_million_users_are_only_extrapolated_and_only_from_two_indexed_sizes() -> None:
    assert "Extrapolated" not in said(sizes(indexed(100_000, 4)))
    assert "16 ms of CPU per face with the index" in said(
        sizes(indexed(62_500, 4), indexed(250_000, 8))
    )


def test_a_way_that_was_not_built_says_so_in_its_row() -> None:
    graph = Compared("HNSW", missing="not built in 300 s")
    lists = Compared("IVFFlat", INDEX, INDEXED)
    run = Run(Kind.GROUPED, 512, comparing=True, faces=500, limit_s=300)
    run.comparisons.append(Comparison(100_000, 0.3, [graph, lists]))

    (page,) = pages(run)

    assert page.rows[0][:4] == ("HNSW", "", "", "not built in 300 s")
    assert page.rows[1][:4] == ("IVFFlat", "46 (46)", "117", "77 of 1106 lists")
    assert all(len(row) == len(page.columns) for row in page.rows)
    assert "had 300 s to be built" in said(run)


def test_a_place_is_filled_and_nothing_else(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Before.\n<!-- one -->\nold\n<!-- end -->\n<!-- two -->\n<!-- end -->\n")

    write_pages("new", [], page, "two")

    expected = "Before.\n<!-- one -->\nold\n<!-- end -->\n<!-- two -->\nnew\n<!-- end -->\n"
    assert page.read_text() == expected
    assert not has_place(page, "three")
    with pytest.raises(ValueError, match="no place for <!-- three -->"):
        write_pages("new", [], page, "three")


@pytest.mark.parametrize("kind", list(Kind))
def test_a_crowd_is_always_the_same_and_of_unit_length(kind: Kind) -> None:
    crowd = Crowd(kind, 300, 32)

    (first,), (again,) = list(crowd.vectors()), list(crowd.vectors())

    assert np.array_equal(first, again)
    assert np.allclose(np.linalg.norm(first, axis=1), 1, atol=1e-5)


def test_the_nearest_other_is_not_the_faces_own_user() -> None:
    crowd = Crowd(Kind.ISOTROPIC, 300, 128)
    (vectors,) = crowd.vectors()
    faces = disturbed(vectors[:50], np.random.default_rng(1), (0.9, 0.95))
    distances = np.zeros(50, np.float32)
    probes = Sample("", faces, [UUID(int=n + 1) for n in range(50)], distances, 300)

    similarity = faces @ vectors.T
    similarity[np.arange(50), np.arange(50)] = -1
    assert crowd.nearest_other(probes) == pytest.approx(similarity.max())
    assert crowd.nearest_other(probes) < 0.6


@pytest.mark.parametrize(("text", "count"), [("10k", 10_000), ("1M", 1_000_000), ("700", 700)])
def test_sizes_are_given_in_short(text: str, count: int) -> None:
    assert number(text) == count


def test_hard_faces_are_nearer_to_others_and_no_nearer_to_their_own_user() -> None:
    (vectors,) = Crowd(Kind.GROUPED, 2000, 512).vectors()
    rng = np.random.default_rng(3)
    easy, hard = (disturbed(vectors, rng, (0.6, 0.6), along) for along in (None, vectors))

    own = np.sum(hard * vectors, axis=1)
    assert own == pytest.approx(0.6, abs=1e-4)
    others = [faces @ vectors.T - 9 * np.eye(2000, dtype=np.float32) for faces in (easy, hard)]
    assert others[0].max() < 0.35 < others[1].max() < 0.5


def test_a_hard_face_of_the_only_user_is_a_face_all_the_same() -> None:
    only = np.eye(1, 64, dtype=np.float32)

    face = disturbed(only, np.random.default_rng(1), (0.6, 0.6), along=only)

    assert np.sum(face * only) == pytest.approx(0.6, abs=1e-4)
    assert np.linalg.norm(face) == pytest.approx(1, abs=1e-4)
