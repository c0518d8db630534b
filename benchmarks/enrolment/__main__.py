"""``python -m benchmarks.enrolment FOLDER…``: what enrolment refuses, and what that costs."""

from __future__ import annotations

from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from benchmarks.accuracy.__main__ import (
    couples,
    ignore,
    labelled_sets,
    require_known,
    written,
)
from benchmarks.accuracy.cache import Cache
from benchmarks.accuracy.faces import Faces, together
from benchmarks.accuracy.folders import Photos
from benchmarks.accuracy.run import PackFaces, Tell, look_at
from benchmarks.enrolment import doubles, several, unlike
from benchmarks.enrolment.brought import EDGES, Bringing, signs
from benchmarks.enrolment.crowd import Crowd
from benchmarks.enrolment.pictures import Pictures
from benchmarks.enrolment.report import PLACE, Findings, pages, said
from benchmarks.enrolment.viewing import Viewer
from benchmarks.report import require_place, tell_pages
from dataflow.faces.packs.far_table import far_table_of_contract
from dataflow.faces.packs.gap_table import Gap, GapTable, shipped_gap_table
from dataflow.faces.packs.loading import load_pack
from dataflow.faces.packs.pack import NetworkPack
from dataflow.faces.policies import enrolment_policy
from dataflow.faces.quality import LENIENT, STRICT
from dataflow.gallery.clashes import ClashLimit
from dataflow.gallery.enrolment import farthest_of_two
from dataflow.jobs.errors import ConfigurationError, SolofaceError
from dataflow.process.cores import usable_cores
from dataflow.settings import OPEN_PACK, Settings, load_settings
from soloface.cli.frame.output import complain

console = Console()


class Part(StrEnum):
    """What can be measured by itself."""

    PHOTOS = "photos"
    SEVERAL = "several"
    DOUBLES = "doubles"


def main(  # noqa: PLR0913 - a command's parameters are its options
    folders: Annotated[
        list[Path], typer.Argument(help="Sets of photos, SET/PERSON/photo.jpg, or what holds them.")
    ],
    *,
    pack: Annotated[str, typer.Option(help="An installed pack or a folder.")] = OPEN_PACK,
    part: Annotated[
        list[Part] | None, typer.Option(help="Measure only this; may be given again.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="Put the tables into their place on this page.")
    ] = None,
    gap_table: Annotated[
        Path | None,
        typer.Option(help="Find anew how far strangers stand out, and write it as JSON."),
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
) -> None:
    """Measure what enrolment refuses.

    photos: which photos bring more right tags than they cost, by measure; several: whether the mean
    of a user's photos is the best, and how unlike they may be; doubles: how many people who are
    enrolled twice are noticed, and how many strangers are refused by chance.
    """
    require_place(markdown, PLACE)
    try:
        with console.status("starting") if console.is_terminal else nullcontext() as status:
            tell = status.update if status else ignore
            sets = labelled_sets(folders, without or [])
            seen = _faces(sets, pack, cache, same or [], tell)
            found = measured(seen, set(part or Part), cache, tell, anew=gap_table is not None)
        if gap_table and found.gaps:
            points = [point.model_dump() for point in found.gaps.points]
            table = {"pack": seen.name, "contract": seen.contract, "gaps": points}
            content = orjson.dumps(table, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
            written(gap_table, content)
    except SolofaceError as error:
        complain(str(error))
        raise typer.Exit(1) from None
    tell_pages(said(found), list(pages(found)), console, markdown, PLACE)


def _faces(
    sets: list[Photos], pack: str, cache: Path | None, same: list[str], tell: Tell
) -> PackFaces:
    names = couples(same)
    require_known("--same", [*names, *names.values()], sets)
    found = look_at(pack, sets, load_settings(), cache, tell).renamed(names)
    if not found.labelled:
        raise ConfigurationError("no set has people enough: give SET/PERSON/photo.jpg")
    return found


def measured(
    seen: PackFaces, parts: set[Part], cache: Path | None, tell: Tell, *, anew: bool
) -> Findings:
    """Measure the parts that were asked for.

    Raises:
        ConfigurationError: the pack's networks cannot be asked one by one.
    """
    settings = load_settings()
    pack = load_pack(settings.model.model_copy(update={"pack": seen.pack}))
    if not isinstance(pack, NetworkPack):
        raise ConfigurationError(f"{seen.pack}: its networks cannot be asked one by one")
    groups = seen.labelled
    found = Findings(seen.name, seen.contract)
    if parts & {Part.PHOTOS, Part.SEVERAL}:
        pictures = _pictures(pack, groups, settings, cache, tell)
        if Part.PHOTOS in parts:
            tell("what photos bring")
            _photos(found, pictures, groups, pack)
        if Part.SEVERAL in parts:
            tell("several photos of a user")
            found.known = list(several.compared(pictures, [faces.name for faces in groups]))
            farthest = sorted({pack.threshold, 0.65, 0.7, round(farthest_of_two(pack), 3), 0.8})
            found.sifted = list(unlike.sifted([*groups, _whole(groups)], farthest))
    if Part.DOUBLES in parts or anew:
        _doubles(found, groups, pack, tell, anew=anew)
    return found


def _pictures(
    pack: NetworkPack, groups: list[Faces], settings: Settings, cache: Path | None, tell: Tell
) -> Pictures:
    pixels = settings.images.max_pixels
    name = f"{pack.contract.id}-{settings.model.ignore_smaller:g}-{pixels}-measured.npz"
    viewer = Viewer(pack, pixels, Cache(cache / name if cache else None))
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        tell(f"looking at photos made worse: {done}")

    return viewer.view(groups, settings.worker.cores or usable_cores(), count)


def _photos(found: Findings, pictures: Pictures, groups: list[Faces], pack: NetworkPack) -> None:
    bringing = Bringing(pictures, _whole(groups))
    found.limit = bringing.limit
    found.policies = [
        bringing.refused("`strict`, other packs", STRICT),
        bringing.refused("`strict`, this pack", enrolment_policy("strict", pack.contract)),
        bringing.refused("`lenient`", LENIENT),
    ]
    found.changes = list(bringing.by_change())
    found.signs = list(signs(pictures))
    found.measures = {name: list(bringing.by_measure(name)) for name in EDGES}


def _doubles(
    found: Findings, groups: list[Faces], pack: NetworkPack, tell: Tell, *, anew: bool
) -> None:
    tell("people enrolled twice")
    crowd = Crowd.like(groups)
    if anew:
        gaps = doubles.gaps(groups, crowd, pack.threshold)
        found.gaps = GapTable.of(Gap(users=users, gap=round(gap, 4)) for users, gap in gaps.items())
    else:
        found.gaps = shipped_gap_table(pack.contract)
    limit = ClashLimit(pack.threshold, far_table_of_contract(pack.contract), gaps=found.gaps)
    found.noticed = list(doubles.rows(groups, crowd, limit))


def _whole(groups: list[Faces]) -> Faces:
    return together(groups) if len(groups) > 1 else groups[0]


if __name__ == "__main__":
    typer.run(main)
