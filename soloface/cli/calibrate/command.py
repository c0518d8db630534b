"""The command: photos in, error rates and a threshold out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from soloface.cli.frame.galleries import gallery_of
from soloface.cli.frame.output import (
    JsonOption,
    plain_table,
    print_json,
    progress,
    say,
    show_tables,
)

if TYPE_CHECKING:
    from soloface.cli.calibrate.album import Album
    from soloface.cli.calibrate.report import Calibration


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
    gallery: Annotated[
        str | None,
        typer.Option(
            help="With --enrolled: only the members of this gallery. You have to name one where "
            "SOLOFACE_MATCH__GALLERY is required."
        ),
    ] = None,
    far: Annotated[
        float | None,
        typer.Option(
            "--far",
            min=1e-9,
            max=0.5,
            help="The share of pairs of different people that may be taken for one person; by "
            "default 0.001.",
        ),
    ] = None,
    fpir: Annotated[
        float | None,
        typer.Option(
            "--fpir",
            min=1e-6,
            max=0.5,
            help="Instead: the share of strangers' photos that may get a wrong tag. One photo of "
            "each person will do.",
        ),
    ] = None,
    users: Annotated[
        int | None,
        typer.Option(
            "--users",
            min=1,
            max=100_000_000,
            help="With --fpir: how many users there are, or will be; by default as many as there "
            "are other people.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Write calibration.html, distances.png and det.png to this folder."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Find out what distances mean among your people, and which threshold to set.

    Compares every photo with every other one. Prints, for several false accept rates (FAR), the
    threshold and the true accept rate (TAR) at it, with their 95 % intervals; the same for the
    pack's own threshold; and how often a photo would get the right name, no name or a wrong one.
    With --fpir it finds the distance for a gallery of so many users, and prints what it comes to.
    Says if there are too few pairs to tell, and when other people may give other figures. Where
    photos show several faces, it says what SOLOFACE_MODEL__IGNORE_SMALLER would make of them.

    Exit code 1 if no threshold can be recommended for the wanted FAR or FPIR.
    """
    from soloface.cli.calibrate.run import Wanted, calibration, write

    if (folder is None) != enrolled:
        raise typer.BadParameter("give a folder of photos, or --enrolled")
    if users is not None and fpir is None:
        raise typer.BadParameter("--users is of use with --fpir only")
    if far is not None and fpir is not None:
        raise typer.BadParameter("give --far or --fpir; each asks for a limit of its own")
    if gallery is not None and not enrolled:
        raise typer.BadParameter("--gallery goes with --enrolled")
    name = None if gallery is None else gallery_of(gallery, "--gallery")
    wanted = Wanted(0.001 if far is None else far, fpir, users)
    with progress(hidden=as_json) as bar:
        task = bar.add_task("Looking at the photos", total=None)
        found, album = calibration(
            folder,
            most,
            wanted,
            lambda done, total: bar.update(task, completed=done, total=total),
            name,
        )
    if out:
        write(found, out)
    if as_json:
        print_json(found.as_dict())
    else:
        _print(found, album)
    if not found.is_told:
        raise typer.Exit(1)


def _print(found: Calibration, album: Album) -> None:
    from soloface.cli.calibrate.crowds import HEADINGS as CROWD_HEADINGS
    from soloface.cli.calibrate.crowds import cells
    from soloface.cli.calibrate.report import HEADINGS

    for refusal in album.refused:
        say(f"refused {refusal.photo}: {refusal.reason} ({refusal.detail})")
    say(found.head())
    table = plain_table(*HEADINGS)
    for row in found.table():
        table.add_row(*row)
    show_tables(table)
    if found.ignoring:
        crowds = plain_table(*CROWD_HEADINGS)
        for row in cells(found.ignoring):
            crowds.add_row(*row)
        show_tables(crowds)
    for line in found.tail():
        say(line)
