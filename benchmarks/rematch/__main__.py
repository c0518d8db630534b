"""``python -m benchmarks.rematch``: match recorded faces again, and say what that came to."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from psycopg import sql
from pydantic import SecretStr
from rich.console import Console

from benchmarks.gallery.database import server
from benchmarks.rematch import updates
from benchmarks.rematch.live import beside_jobs
from benchmarks.rematch.passing import measured
from benchmarks.rematch.platform import Platform
from benchmarks.rematch.report import PLACE, Run, pages, said
from benchmarks.report import require_place, tell_pages
from connectors.embedded import PostgresServer
from connectors.postgres.setup.migrate import migrate
from dataflow.settings import DatabaseSettings

PARTS = ("one", "many", "updates", "live")
ONE = Platform(users=1_000, faces=100_000, newcomers=10, faces_each=10)
SHORT = replace(ONE, dimension=128)
"""The same, with vectors of the pack `open`."""
MANY = Platform(users=10_000, faces=1_000_000, newcomers=1000, faces_each=3)
_SMOKE = 100

console = Console()


def main(
    *,
    only: Annotated[list[str] | None, typer.Option(help=" | ".join(PARTS))] = None,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="A hundredth of all; shows that it works, and no more.")
    ] = False,
    markdown: Annotated[
        Path | None, typer.Option(help="Put the tables into their place on this page.")
    ] = None,
) -> None:
    """Match made-up faces again: after one enrolment, after a thousand, and beside jobs.

    One of 10 enrolments against 100,000 stored faces, of 128 and of 512 numbers; a thousand
    enrolments, by one statement, against a million; a platform's own update of 1,000 users; and how
    fast a worker does its jobs while it matches all faces again beside them.
    """
    parts = tuple(only or PARTS)
    if not set(parts) <= set(PARTS):
        raise typer.BadParameter(f"--only is {', '.join(PARTS)}")
    require_place(markdown, PLACE)
    run, began = Run(), time.perf_counter()
    with console.status("starting") as status:
        if {"one", "many", "updates"} & set(parts):
            with server() as running:
                for platform, wanted in _platforms(parts, smoke=smoke):
                    status.update(f"{platform.faces:,} faces of {platform.dimension} numbers")
                    with loaded(running, platform) as settings:
                        if {"one", "many"} & wanted:
                            times = platform.newcomers if "one" in wanted else 1
                            run.passes.append(measured(settings, running, platform, times))
                        if "updates" in wanted:
                            run.updates = updates.measured(settings)
        if "live" in parts:
            status.update("jobs")
            run.live = beside_jobs(smoke=smoke)
    run.took_s = time.perf_counter() - began
    tell_pages(said(run), list(pages(run)), console, markdown, PLACE)


def _platforms(parts: Sequence[str], *, smoke: bool) -> Iterator[tuple[Platform, set[str]]]:
    """Which of them are needed, and what is measured on each."""
    for platform, serves in ((SHORT, {"one"}), (ONE, {"one", "updates"}), (MANY, {"many"})):
        if wanted := serves & set(parts):
            yield _smaller(platform) if smoke else platform, wanted


def _smaller(platform: Platform) -> Platform:
    return replace(
        platform,
        users=platform.users // _SMOKE,
        faces=platform.faces // _SMOKE,
        newcomers=max(platform.newcomers // _SMOKE, 2),
    )


@contextmanager
def loaded(running: PostgresServer, platform: Platform) -> Iterator[DatabaseSettings]:
    """A database with all that, for as long as it is measured."""
    name = sql.Identifier(database_name := f"rematch_{platform.faces}")
    with psycopg.connect(running.dsn, autocommit=True) as admin:
        admin.execute(sql.SQL("create database {}").format(name))
        settings = DatabaseSettings(dsn=SecretStr(running.dsn_of(database_name)))
        try:
            migrate(settings, platform.dimension)
            with closing(psycopg.connect(running.dsn_of(database_name), autocommit=True)) as own:
                platform.load(own)
            yield settings
        finally:
            admin.execute(sql.SQL("drop database {} with (force)").format(name))


if __name__ == "__main__":
    typer.run(main)
