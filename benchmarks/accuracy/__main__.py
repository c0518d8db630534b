"""``python -m benchmarks.accuracy FOLDER…``: how well packs tell labelled people apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from benchmarks.accuracy.charts import write_charts
from benchmarks.accuracy.document import as_dict, far_tables
from benchmarks.accuracy.folders import Photos, find_sets
from benchmarks.accuracy.histogram import histogram
from benchmarks.accuracy.report import PLACE, pages, said, short, suspects
from benchmarks.accuracy.run import Run, Tell, ahead, judge_pack, look_at
from benchmarks.report import require_place, show_pages, write_pages
from dataflow.jobs.errors import ConfigurationError, SolofaceError
from dataflow.settings import OPEN_PACK, load_settings
from soloface.cli.frame.output import complain, say

console = Console()


def main(  # noqa: PLR0913 - a command's parameters are its options
    folders: Annotated[
        list[Path], typer.Argument(help="Sets of photos, SET/PERSON/photo.jpg, or what holds them.")
    ],
    *,
    pack: Annotated[
        list[str] | None,
        typer.Option(help="An installed pack or a folder; several are compared with the first."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write charts to this folder.")] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="Put the tables into their place on this page.")
    ] = None,
    table: Annotated[
        Path | None,
        typer.Option("--far-table", help="Write which distance keeps to which FAR, as JSON."),
    ] = None,
    bars: Annotated[
        Path | None,
        typer.Option(
            "--histogram",
            help="Write how many pairs of the first pack's photos are how far apart, as JSON.",
        ),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            help="Keep the vectors in this folder for the next run. Delete it afterwards."
        ),
    ] = None,
    same: Annotated[
        list[str] | None,
        typer.Option(help="SET/PERSON=SET/PERSON: people of two sets who are one."),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(help="SET/PERSON: leave out somebody whose photos show different people."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> None:
    """Measure how well packs tell people apart, by set, with intervals.

    Every photo goes through the worker's own steps. What cannot be used is counted by reason.
    Prints verification and identification for each set and for all together, how often people of
    one set and of two are taken for one another, the distance for each false accept rate, and what
    several ways to limit cost in right tags.
    """
    require_place(markdown, PLACE)
    try:
        with nullcontext() if as_json else console.status("starting") as status:
            tell = status.update if status else ignore
            sets = labelled_sets(folders, without or [])
            run = measure(sets, pack or [OPEN_PACK], cache, couples(same or []), tell)
        if table:
            written(table, orjson.dumps(far_tables(run), option=orjson.OPT_INDENT_2))
        if bars:
            written(bars, orjson.dumps(histogram(run.packs[0].faces)))
        charts = write_charts(run.packs, out) if out else []
    except SolofaceError as error:
        complain(str(error))
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(orjson.dumps(as_dict(run), option=orjson.OPT_INDENT_2))
    else:
        show_pages(said(run), pages(run), console)
        for line in (*suspects(run), *map(str, charts)):
            say(line)
    if markdown:
        write_pages(said(run), pages(short(run)), markdown, PLACE)


def measure(
    sets: Sequence[Photos],
    packs: Sequence[str],
    cache: Path | None,
    same: Mapping[str, str],
    tell: Tell,
) -> Run:
    """Measure all packs on all sets.

    Raises:
        ConfigurationError: a pack or the cache cannot be used.
    """
    settings = load_settings()
    run = Run(sets)
    for photos in run.sets:
        tell(photos.told)
    require_known("--same", [*same, *same.values()], sets)
    looks = [
        look_at(pack, run.sets, settings, cache, tell).renamed(same)
        for pack in dict.fromkeys(packs)
    ]
    run.packs = [judge_pack(found, tell) for found in looks]
    run.ahead = [ahead(looks[0], other, tell) for other in looks[1:]]
    return run


def couples(texts: Sequence[str]) -> dict[str, str]:
    """`ONE=OTHER`, as a person who is the other.

    Raises:
        typer.BadParameter: one is written otherwise.
    """
    parts = [text.partition("=") for text in texts]
    if not all(one and other for one, _, other in parts):
        raise typer.BadParameter("--same is SET/PERSON=SET/PERSON")
    return {one: other for one, _, other in parts}


def labelled_sets(folders: Sequence[Path], without: Sequence[str]) -> list[Photos]:
    """The sets in folders, without some people.

    Raises:
        ConfigurationError: a folder cannot be used, or there is no such person.
    """
    sets = find_sets(folders)
    require_known("--without", without, sets)
    return [photos.without(without) for photos in sets]


def require_known(option: str, people: Iterable[str], sets: Sequence[Photos]) -> None:
    """Refuse names that nobody has.

    Raises:
        ConfigurationError: there is no such person.
    """
    known = {name for photos in sets for name in photos.names}
    for person in people:
        if person not in known:
            raise ConfigurationError(f"{option}: there is no person {person}")


def written(path: Path, content: bytes) -> None:
    """Write a file.

    Raises:
        ConfigurationError: it cannot be written.
    """
    try:
        path.write_bytes(content)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from None


def ignore(_what: str) -> None:
    """Tell nobody."""


if __name__ == "__main__":
    typer.run(main)
