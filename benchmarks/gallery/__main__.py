"""``python -m benchmarks.gallery``: search made-up galleries, and say what that came to."""

from __future__ import annotations

import time
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import orjson
import psycopg
import typer
from rich.console import Console

from benchmarks.gallery.chosen import measured
from benchmarks.gallery.comparison import Tell, compared
from benchmarks.gallery.crowds import Crowd, Kind
from benchmarks.gallery.database import loaded, server
from benchmarks.gallery.inside import inside
from benchmarks.gallery.report import Run, pages, said
from benchmarks.report import require_place, show_pages, write_pages
from connectors.embedded import PostgresServer
from dataflow.gallery.search import TARGET_RECALL

_FACES, _FACES_COMPARED = 1000, 500
_UNITS = {"k": 1_000, "m": 1_000_000}

console = Console()


def main(  # noqa: PLR0913 - a command's parameters are its options
    *,
    sizes: Annotated[str, typer.Option(help="Numbers of users, as 10k,300k or 1M.")] = "10k,100k",
    dimension: Annotated[int, typer.Option(min=2, help="Length of the vectors.")] = 512,
    kind: Annotated[Kind, typer.Option(help="How the users' vectors lie.")] = Kind.GROUPED,
    compare: Annotated[bool, typer.Option("--compare", help="Every way to search.")] = False,
    hard: Annotated[
        bool, typer.Option("--hard", help="Faces stray from their user as users differ.")
    ] = False,
    members: Annotated[
        int | None,
        typer.Option(min=16, help="Search inside galleries of so many of the users instead."),
    ] = None,
    faces: Annotated[
        int | None,
        typer.Option(min=16, help=f"Made-up faces: {_FACES}, or {_FACES_COMPARED} to compare."),
    ] = None,
    build_limit: Annotated[
        float, typer.Option(min=1, help="Seconds that each way compared may take to build.")
    ] = 300,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
    markdown: Annotated[
        Path | None, typer.Option(help="Put the tables into their place on this page.")
    ] = None,
) -> None:
    """Search made-up galleries exactly and as soloface would, or in every way there is.

    A face is at a cosine similarity of 0.5 to 0.7 to its user, drawn evenly, and in a direction
    from it that is random over the whole space; with `--hard` over the directions in which users
    differ, where more of them are near. Each size is loaded into a database of its own, indexed by
    the code behind `soloface gallery index`, and searched by the statements that the worker runs,
    in batches of its size; the server has 1 GB of shared buffers and searches with one process.
    Exit code 1 if soloface's choice misses more than 1 of 100.
    """
    count = faces or (_FACES_COMPARED if compare else _FACES)
    run = Run(kind, dimension, compare, count, hard, build_limit, members=members)
    require_place(markdown, run.place)
    began = time.perf_counter()
    with server() as running, nullcontext() if as_json else console.status("starting") as status:
        run.versions = versions(running)
        for users in map(number, sizes.split(",")):
            measure(run, running, users, status.update if status else ignore)
    run.took_s = time.perf_counter() - began
    if as_json:
        typer.echo(orjson.dumps(run, option=orjson.OPT_INDENT_2))
    else:
        show_pages(said(run), pages(run), console)
    if markdown:
        write_pages(said(run), pages(run), markdown, run.place)
    if any(result.chosen.recall < TARGET_RECALL for result in run.sizes):
        raise typer.Exit(1)


def measure(run: Run, running: PostgresServer, users: int, tell: Tell) -> None:
    """Measure one size."""
    tell(f"loading {users:,} users")
    with loaded(running, Crowd(run.kind, users, run.dimension, run.hard)) as gallery:
        if run.members:
            run.inside.append(inside(gallery, run.faces, run.members))
        elif run.comparing:
            run.comparisons.append(compared(gallery, run.faces, run.limit_s, tell))
        else:
            run.sizes.append(
                measured(gallery, run.faces, lambda phase, share: tell(f"{phase} {share:.0%}"))
            )


def ignore(_what: str) -> None:
    """Tell nobody."""


def number(text: str) -> int:
    """`300k` or `1M` as a number."""
    unit = _UNITS.get(text[-1:].lower())
    return int(float(text[:-1]) * unit) if unit else int(text)


def versions(running: PostgresServer) -> str:
    """Whose search is measured."""
    with psycopg.connect(running.dsn) as connection:
        row = connection.execute(
            "select current_setting('server_version'), default_version "
            "from pg_available_extensions where name = 'vector'"
        ).fetchone()
    postgres, pgvector = row or ("?", "?")
    return f"PostgreSQL {postgres}, pgvector {pgvector}"


if __name__ == "__main__":
    typer.run(main)
