"""`benchmarks.gallery` measures every way to search, and says what soloface chose and why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
import typer

from benchmarks.gallery import __main__ as command
from benchmarks.gallery.chosen import measured
from benchmarks.gallery.comparison import compared
from benchmarks.gallery.crowds import Crowd, Kind
from benchmarks.gallery.database import Gallery, loaded
from benchmarks.gallery.inside import inside
from connectors.embedded import PostgresServer
from dataflow.gallery import search as gallery_search

FACES = 48


def silent(*_said: object) -> None:
    """Tell nobody."""


@pytest.fixture
def gallery(postgres_server: PostgresServer) -> Iterator[Gallery]:
    with loaded(postgres_server, Crowd(Kind.GROUPED, 1500, 128)) as gallery:
        yield gallery


def test_every_way_to_search_is_built_used_and_removed_again(gallery: Gallery) -> None:
    comparison = compared(gallery, FACES, 60, silent)

    assert [one.missing for one in comparison.lines] == [None] * 6
    exact, halves, *indexed = comparison.lines
    assert exact.built is None
    assert exact.line
    assert halves.line
    assert (exact.line.recall, halves.line.recall) == (1, 1)
    assert all(one.built and one.built.mb > 0 for one in [halves, *indexed])
    assert all(one.line and one.line.recall > 0.5 for one in indexed)
    assert indexed[-1].line
    assert indexed[-1].line.setting.endswith("of 135 lists")
    left = gallery.connection.execute("select to_regclass('other_search')").fetchone()
    assert left == (None,)


def test_what_takes_too_long_to_build_is_left_out_and_named(gallery: Gallery) -> None:
    comparison = compared(gallery, FACES, 0.001, silent)

    exact, _, *graphs, _ = comparison.lines
    assert exact.line
    assert [one.missing for one in graphs] == ["not built in 0.001 s"] * 3


def test_soloface_is_measured_by_the_index_that_it_builds(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery_search, "EXACT_BUDGET_MS", 0)
    monkeypatch.setattr(gallery_search, "SHARES", (0.4, 1))  # of so few users it has to see all

    result = measured(gallery, FACES, silent)

    assert not result.is_exact
    assert result.index
    assert result.objection is None
    assert result.chosen.setting.endswith("of 135 lists")
    assert result.exact.recall == 1
    assert result.remembered
    assert result.remembered[1].recall == 1
    assert 0 < result.nearest_other < 1


def test_an_index_that_finds_too_few_leaves_the_search_exact_and_that_is_said(
    postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery_search, "EXACT_BUDGET_MS", 0)
    monkeypatch.setattr(gallery_search, "SHARES", (0.01,))

    with loaded(postgres_server, Crowd(Kind.ISOTROPIC, 1500, 128)) as gallery:
        result = measured(gallery, FACES, silent)

    assert result.is_exact
    assert result.chosen.recall == 1
    assert "the index finds only" in (result.objection or "")


def test_inside_a_gallery_everybody_is_found(gallery: Gallery) -> None:
    found = inside(gallery, FACES, 100)

    assert [line.setting for line in found.lines] == [
        "3 galleries, one a batch",
        "3 galleries, all mixed",
        "3 galleries, one a batch, in memory",
        "3 galleries, all mixed, in memory",
    ]
    assert [line.recall for line in found.lines] == [1] * 4


def test_the_command_prints_its_tables_and_fills_their_place_on_a_page(
    postgres_server: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(command, "server", lambda: nullcontext(postgres_server))
    page = tmp_path / "page.md"
    page.write_text("<!-- measured: sizes isotropic 16 -->\n<!-- end -->\n")

    command.main(sizes="0.3k,400", dimension=16, kind=Kind.ISOTROPIC, faces=16, markdown=page)

    assert "| 300 | everybody (chosen) | 100.0%" in page.read_text()
    assert "| 400 | everybody (chosen) | 100.0%" in page.read_text()
    assert "PostgreSQL 18" in page.read_text()
    assert "The exact search, and what soloface chooses" in capsys.readouterr().out
    with pytest.raises(typer.BadParameter, match="measured: sizes grouped 16"):
        command.main(sizes="300", dimension=16, markdown=page)
