"""``python -m benchmarks.bystanders FOLDER…``: whom to take where a photo shows several people."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from benchmarks.accuracy.folders import find_sets
from benchmarks.bystanders.boxes import counted, drawn_by_yunet
from benchmarks.bystanders.report import FITS, PLACE, Run, as_dict, measured, pages, said
from benchmarks.bystanders.scenes import look
from benchmarks.report import require_place, show_pages, write_pages
from dataflow.faces.packs.loading import load_pack
from dataflow.jobs.errors import SolofaceError
from dataflow.process.cores import usable_cores
from dataflow.settings import OPEN_PACK, load_settings
from soloface.cli.frame.output import complain

console = Console()


def main(
    folders: Annotated[
        list[Path],
        typer.Argument(help="Sets of photos, SET/PERSON/photo.jpg; without people: groups."),
    ],
    *,
    pack: Annotated[str, typer.Option(help="An installed pack or a folder.")] = OPEN_PACK,
    yunet: Annotated[
        Path | None,
        typer.Option(
            exists=True, help="YuNet's ONNX file: another detector, whose boxes jobs may bring."
        ),
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="Put the tables into their place on this page.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> None:
    """Measure what may be ignored, who is clearly the subject, and which face a box means.

    Photos of people show the person whose folder they are in. Folders without people hold group
    photos, of which no face may be taken.
    """
    require_place(markdown, PLACE)
    try:
        run = measure(folders, pack, yunet)
    except SolofaceError as error:
        complain(str(error))
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(orjson.dumps(as_dict(run), option=orjson.OPT_INDENT_2))
    else:
        show_pages(said(run), pages(run), console)
    if markdown:
        write_pages(said(run), pages(run), markdown, PLACE)


def measure(folders: list[Path], pack: str, yunet: Path | None) -> Run:
    """Look at all photos, and judge all rules.

    Raises:
        ConfigurationError: a folder or the pack cannot be used.
    """
    settings = load_settings()
    sets = find_sets(folders)
    model = settings.model.model_copy(update={"pack": pack, "ignore_smaller": 0.0})
    loaded = load_pack(model)
    threads = settings.worker.cores or usable_cores()
    total, done = sum(len(photos.paths) for photos in sets), count(1)
    with console.status("starting") as status:
        scenes = look(
            sets,
            loaded,
            settings.images.max_pixels,
            threads,
            lambda: status.update(f"looked at {next(done)} of {total} photos"),
        )
        status.update("judging")
        others = None
        if yunet:
            several = [scene for scene in scenes if len(scene.faces) > 1]
            drawn = list(drawn_by_yunet(yunet, several, settings.images.max_pixels))
            others = {way: counted(iter(drawn), fits) for way, fits in FITS.items()}
        return measured(loaded.contract.id, scenes, others)


if __name__ == "__main__":
    typer.run(main)
