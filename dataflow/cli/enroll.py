"""`soloface enroll`: make users recognisable."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.progress import track

from connectors.postgres.connection import Database
from connectors.postgres.gallery import Gallery
from dataflow.cli.output import JsonOption, console, print_json
from dataflow.enrolment import Enrolment, embed_photos
from dataflow.errors import ConfigurationError
from dataflow.faces.packs import load_pack
from dataflow.settings import load_settings


def enroll(
    user: Annotated[UUID | None, typer.Argument(help="The user's id in `users`.")] = None,
    photos: Annotated[
        list[Path] | None, typer.Argument(help="Photos that show only this user.", metavar="PHOTO")
    ] = None,
    *,
    table: Annotated[
        Path | None,
        typer.Option("--csv", help="Many users: a CSV with the columns user_id and photo."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Store a user's face: the mean of one or several photos, replacing an earlier one.

    A photo without exactly one face is refused, with its reason, and the others are used. A user
    who is not in `users` yet is added. Exit code 1 if some user could not be enrolled.
    """
    wanted = _wanted(user, photos or [], table)
    settings = load_settings()
    pack = load_pack(settings.model)
    database = Database(settings.database)
    gallery = Gallery(database)
    gallery.require_schema(pack.contract)
    done: dict[UUID, Enrolment] = {}
    for user_id in track(wanted, "Enrolling", console=console, disable=as_json or len(wanted) == 1):
        done[user_id] = embed_photos(wanted[user_id], pack, settings.images)
        if (embedding := done[user_id].embedding) is not None:
            gallery.enrol(user_id, embedding, pack.contract)
    database.close()
    if as_json:
        print_json([_as_dict(user_id, enrolment) for user_id, enrolment in done.items()])
    else:
        _print(done, pack.contract.id)
    if any(enrolment.embedding is None for enrolment in done.values()):
        raise typer.Exit(1)


def _wanted(user: UUID | None, photos: list[Path], table: Path | None) -> dict[UUID, list[Path]]:
    if table and not user:
        wanted: dict[UUID, list[Path]] = {}
        for user_id, photo in _rows(table):
            wanted.setdefault(user_id, []).append(photo)
        return wanted
    if user and photos and not table:
        return {user: photos}
    raise typer.BadParameter("give USER and at least one PHOTO, or --csv FILE")


def _rows(table: Path) -> Iterator[tuple[UUID, Path]]:
    """The CSV's users and photos; a relative photo is looked for beside the CSV."""
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            for number, row in enumerate(csv.DictReader(file), start=2):
                try:
                    yield UUID(row["user_id"]), table.parent / row["photo"]
                except (KeyError, TypeError, ValueError, AttributeError):
                    raise ConfigurationError(
                        f"{table}, line {number}: needs a UUID in the column user_id and a path "
                        "in the column photo"
                    ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{table} cannot be read: {error}") from None


def _as_dict(user_id: UUID, enrolment: Enrolment) -> dict[str, object]:
    return {
        "user_id": user_id,
        "enrolled": enrolment.embedding is not None,
        "used": [str(photo) for photo in enrolment.used],
        "refused": [
            {"photo": str(r.photo), "reason": r.reason, "detail": r.detail}
            for r in enrolment.refused
        ],
    }


def _print(done: dict[UUID, Enrolment], model: str) -> None:
    for user_id, enrolment in done.items():
        for refusal in enrolment.refused:
            console.print(
                f"[yellow]refused[/] {refusal.photo}: {refusal.reason} ({refusal.detail})"
            )
        if enrolment.embedding is None:
            console.print(f"[red]not enrolled[/] {user_id}: no usable photo")
        else:
            count = len(enrolment.used)
            plural = "" if count == 1 else "s"
            console.print(f"[green]enrolled[/] {user_id} from {count} photo{plural} ({model})")
