"""The command: photos in, error rates and a threshold out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress
from rich.table import Table

from connectors.store.enrolment_photos import EnrolmentPhotos
from dataflow.faces.face import FacePack
from dataflow.faces.packs.loading import load_pack
from dataflow.gallery.calibration import Pairs, identify
from dataflow.gallery.enrolment import Examiner
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import load_settings
from soloface.cli.calibrate.album import Album, embed_album, find_photos
from soloface.cli.calibrate.enrolled import enrolled_photos
from soloface.cli.calibrate.page import render
from soloface.cli.calibrate.plots import draw_det, draw_distances
from soloface.cli.calibrate.report import FARS, HEADINGS, Calibration
from soloface.cli.output import JsonOption, console, print_json, printable


def calibrate(
    folder: Annotated[
        Path | None, typer.Argument(help="Photos of people who are known: PERSON/photo.jpg.")
    ] = None,
    *,
    enrolled: Annotated[
        bool,
        typer.Option("--enrolled", help="Instead: the photos that your users were enrolled by."),
    ] = False,
    most: Annotated[
        int,
        typer.Option(
            min=2, max=10_000, help="With --enrolled: how many photos to look at, at most."
        ),
    ] = 3000,
    far: Annotated[
        float,
        typer.Option(
            "--far",
            min=1e-9,
            max=0.5,
            help="The share of pairs of different people that may be taken for one person.",
        ),
    ] = 0.001,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Write calibration.html, distances.png and det.png to this folder."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Find out what the pack's distances mean among your people, and which threshold to set.

    Compares every photo with every other one. Prints, for several false accept rates (FAR), the
    threshold and the true accept rate (TAR) at it, with their 95 % intervals; the same for the
    pack's own threshold; and how often a photo would get the right name, no name or a wrong one.
    Says if there are too few pairs to tell.

    Exit code 1 if no threshold can be recommended for the wanted FAR.
    """
    settings = load_settings()
    caveats: Sequence[str] = ()
    match folder, enrolled:
        case Path(), False:
            photos, pack = find_photos(folder), load_pack(settings.model)
        case None, True:
            pack = load_pack(settings.model)
            photos, caveats = enrolled_photos(settings.database, pack.contract.id, most)
        case _:
            raise typer.BadParameter("give a folder of photos, or --enrolled")
    # What was good enough once is not asked again.
    examiner = Examiner(
        pack, EnrolmentPhotos(settings).read, settings.images.max_pixels, quality="off"
    )
    threads = settings.worker.cores or len(os.sched_getaffinity(0))
    with Progress(console=console, transient=True, disable=as_json) as progress:
        task = progress.add_task("Looking at the photos", total=len(photos))
        album = embed_album(photos, examiner, threads, lambda: progress.advance(task))
    found = judge(album, pack, far, caveats)
    if out:
        _write(found, out)
    if as_json:
        print_json(found.as_dict())
    else:
        _print(found, album)
    if found.recommended.point is None:
        raise typer.Exit(1)


def judge(album: Album, pack: FacePack, far: float, caveats: Sequence[str] = ()) -> Calibration:
    """All figures of one pack on one album."""
    pairs = Pairs(album.embeddings, album.people)
    return Calibration(
        model=pack.contract.id,
        pairs=pairs,
        refused=len(album.refused),
        rows=[pairs.recommend(wanted) for wanted in FARS],
        shipped=pairs.at(pack.threshold),
        identification=identify(album.embeddings, album.people, pack.threshold),
        recommended=pairs.recommend(far),
        caveats=caveats,
    )


def _write(found: Calibration, folder: Path) -> None:
    threshold = found.shipped.threshold
    pictures = {
        "distances.png": draw_distances(found.pairs, threshold, found.model),
        "det.png": draw_det(found.pairs, threshold, found.model),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, png in pictures.items():
            (folder / name).write_bytes(png)
        page = folder / "calibration.html"
        page.write_text(render(found, pictures.items()), encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be written: {error}") from None


def _print(found: Calibration, album: Album) -> None:
    for refusal in album.refused:
        line = printable(f"refused {refusal.photo}: {refusal.reason} ({refusal.detail})")
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print(found.head(), highlight=False, soft_wrap=True)
    table = Table(*HEADINGS, box=None, pad_edge=False, header_style="bold")
    for row in found.table():
        table.add_row(*row)
    console.print(table)
    for line in found.tail():
        console.print(line, highlight=False, soft_wrap=True)
