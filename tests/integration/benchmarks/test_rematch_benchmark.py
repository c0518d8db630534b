"""`benchmarks.rematch` enrols people whose faces are there, and finds all of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from benchmarks.rematch import __main__ as command
from benchmarks.rematch import updates
from benchmarks.rematch.passing import measured
from benchmarks.rematch.platform import Platform
from benchmarks.rematch.report import Run, pages, said
from connectors.embedded import PostgresServer


def test_all_faces_of_those_who_enrol_are_found_in_parts_and_in_one_pass(
    postgres_server: PostgresServer,
) -> None:
    platform = Platform(users=50, faces=2000, newcomers=20, faces_each=3, dimension=128)
    run = Run()
    with command.loaded(postgres_server, platform) as settings:
        passes = measured(settings, postgres_server, platform, 2)
        run.passes.append(passes)
        run.updates = updates.measured(settings)
    assert [one.gained for one in passes] == [30, 30]
    assert all(one.photos >= one.gained for one in passes)
    assert run.updates.with_ms > 0
    titles = [page.title for page in pages(run)]
    assert titles == [
        "Matching again after enrolments",
        "The platform's own update of 1,000 users, another column",
    ]
    assert "50 users were enrolled before" in said(run)


def test_a_page_without_a_place_for_the_figures_is_refused_before_anything_is_measured(
    tmp_path: Path,
) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing")
    with pytest.raises(typer.BadParameter, match="has no place"):
        command.main(only=["one"], smoke=True, markdown=page)
    with pytest.raises(typer.BadParameter, match="--only is one, many"):
        command.main(only=["two"], smoke=True, markdown=None)
