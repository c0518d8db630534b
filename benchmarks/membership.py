"""``python -m benchmarks.membership FOLDER…``: the same faces in small and in large galleries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.accuracy.crowded import Crowded, alike, crowded
from benchmarks.accuracy.faces import together
from benchmarks.accuracy.folders import find_sets
from benchmarks.accuracy.resampling import Figure
from benchmarks.accuracy.run import look_at
from benchmarks.report import Page, require_place, tell_pages
from dataflow.faces.packs.loading import far_table_of
from dataflow.jobs.errors import ConfigurationError, SolofaceError
from dataflow.settings import OPEN_PACK, load_settings
from soloface.cli.frame.output import complain

PLACE = "measured: membership"
SIZES = (100, 1_000, 10_000)
MAX_FPIR = 0.01
_COLUMNS = (
    "users in the gallery",
    "distance limit",
    "rank-1 %",
    "right tags %",
    "FPIR: strangers tagged %",
)

console = Console()


def main(
    folders: Annotated[
        list[Path], typer.Argument(help="Sets of photos, SET/PERSON/photo.jpg, or what holds them.")
    ],
    *,
    pack: Annotated[str, typer.Option(help="An installed pack or a folder.")] = OPEN_PACK,
    cache: Annotated[
        Path | None,
        typer.Option(help="Keep the vectors in this folder. Delete it afterwards."),
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="Put the table into its place on this page.")
    ] = None,
) -> None:
    """Seek labelled faces among 100, 1,000 and 10,000 users: the person, and made-up others.

    For each size it prints how often the nearest user is the right one, and how many faces of
    strangers get a tag: at the pack's threshold, and at the distance that follows from the size
    with a FPIR of 1 %.
    """
    require_place(markdown, PLACE)
    try:
        said, found = measure(folders, pack, cache)
    except SolofaceError as error:
        complain(str(error))
        raise typer.Exit(1) from None
    tell_pages(said, list(pages(found)), console, markdown, PLACE)


def measure(folders: Sequence[Path], pack: str, cache: Path | None) -> tuple[str, list[Crowded]]:
    """Measure it; returns what has to be known to read the table, too.

    Raises:
        ConfigurationError: a folder, the pack or the cache cannot be used, or there are no people.
    """
    settings = load_settings()
    found = look_at(pack, find_sets(folders), settings, cache, lambda _what: None)
    if not found.labelled:
        raise ConfigurationError("there are no sets of labelled people in these folders")
    faces = replace(together(found.labelled), name="all")
    real, made_up = alike(faces, found.threshold)
    said = (
        f"{found.name} ({found.contract}), {len(faces.owners)} faces of {len(faces.names)} people. "
        "Each person is known by one photo, drawn 20 times. In brackets are 95 % intervals, for "
        "other people of the same kind. Within the pack's threshold of a face are "
        f"{real:.2%} of the other labelled people and {made_up:.2%} of the made-up ones; people of "
        "one family or region are more alike than both."
    )
    table = far_table_of(settings.model.model_copy(update={"pack": pack}))
    return said, list(crowded(faces, SIZES, found.threshold, table, MAX_FPIR))


def pages(found: Sequence[Crowded]) -> Iterator[Page]:
    """The table."""
    rows = [
        (
            f"{one.users:,}",
            f"{one.limit:.3f}",
            _percent(one.rank_1),
            _percent(one.right),
            _percent(one.fpir),
        )
        for one in found
    ]
    titles = (
        "The same faces, at the pack's threshold",
        f"The same faces, at the distance for a FPIR of {MAX_FPIR:.0%}",
    )
    for place, title in enumerate(titles):
        some = rows[place * len(SIZES) : (place + 1) * len(SIZES)]
        if some:
            yield Page(title, _COLUMNS, some)


def _percent(share: Figure) -> str:
    return f"{100 * share.value:.1f} ({100 * share.low:.1f} to {100 * share.high:.1f})"


if __name__ == "__main__":
    typer.run(main)
