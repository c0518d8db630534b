"""`soloface gallery add|remove|members|list`: who belongs to which gallery."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from dataflow.jobs.errors import ConfigurationError
from soloface.cli.frame.galleries import gallery_of
from soloface.cli.frame.output import (
    ByOption,
    JsonOption,
    complain,
    counted,
    plain_table,
    print_json,
    say,
    show_tables,
)
from soloface.cli.frame.settings import load_settings

if TYPE_CHECKING:
    from connectors.postgres.gallery.members import Members

_SHOWN = 5

GalleryArgument = Annotated[str | None, typer.Argument(help="Its name.", metavar="GALLERY")]
UsersArgument = Annotated[list[UUID] | None, typer.Argument(help="Ids in `users`.", metavar="USER")]
CsvOption = Annotated[
    Path | None,
    typer.Option(
        "--csv",
        help="Many users: a CSV with the column user_id, and gallery unless GALLERY is given; - is "
        "standard input.",
    ),
]


def add(
    gallery: GalleryArgument = None,
    users: UsersArgument = None,
    *,
    table: CsvOption = None,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add users to a gallery. Faces that belong to it are matched again.

    All are added, or none. Who is not in `users`, or has withdrawn, is named and left out: exit
    code 1. Who belongs to it already stays. Workers compare a photo whose job names a gallery with
    its members only.
    """
    pairs = _pairs(gallery, users, table)
    with _members() as members:
        strangers = set(members.strangers([user_id for _, user_id in pairs]))
        known = [pair for pair in pairs if pair[1] not in strangers]
        added = members.add(known, by)
    already = len(known) - added
    for user_id in sorted(strangers)[:_SHOWN]:
        complain(f"not added: {user_id} is not in `users`, or has withdrawn")
    if len(strangers) > _SHOWN:
        complain(f"not added: {len(strangers) - _SHOWN} more")
    if as_json:
        print_json({"added": added, "already_there": already, "not_added": sorted(strangers)})
    else:
        say(f"added {added}, already there {already}, not added {len(strangers)}")
    if strangers:
        raise typer.Exit(1)


def remove(
    gallery: GalleryArgument = None,
    users: UsersArgument = None,
    *,
    table: CsvOption = None,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take users out of a gallery. Faces that belong to it are matched again.

    The users stay enrolled. All are taken out, or none; who is no member is counted.
    """
    pairs = _pairs(gallery, users, table)
    with _members() as members:
        removed = members.remove(pairs, by)
    missing = len(pairs) - removed
    if as_json:
        print_json({"removed": removed, "not_there": missing})
    else:
        say(f"removed {removed}, not there {missing}")


def members(
    gallery: Annotated[str, typer.Argument(help="Its name.", metavar="GALLERY")],
    *,
    as_csv: Annotated[
        bool,
        typer.Option("--csv", help="Print a CSV that `gallery add --csv -` reads."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the users who belong to a gallery, and whether each is enrolled."""
    name = gallery_of(gallery, "GALLERY")
    with _members() as table:
        if as_csv:
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(("gallery", "user_id"))
            writer.writerows((name, member.user_id) for member in table.of(name))
            return
        found = list(table.of(name))
    if as_json:
        print_json([asdict(member) for member in found])
        return
    shown = plain_table("user", "enrolled", "since")
    for member in found:
        since = member.added_at.isoformat(timespec="seconds")
        shown.add_row(str(member.user_id), "yes" if member.enrolled else "no", since)
    if found:
        show_tables(shown)
    enrolled = sum(member.enrolled for member in found)
    say(f"{counted(len(found), 'member')} of {name}, {enrolled} enrolled")


def list_galleries(*, as_json: JsonOption = False) -> None:
    """List all galleries: how many members and faces belong to each."""
    with _members() as table:
        found = table.counts()
    if as_json:
        print_json([asdict(count) for count in found])
        return
    shown = plain_table(
        "gallery", "members", "enrolled", "faces", right=("members", "enrolled", "faces")
    )
    for count in found:
        shown.add_row(count.gallery, str(count.members), str(count.enrolled), str(count.faces))
    if found:
        show_tables(shown)
    say(counted(len(found), "gallery", "galleries"))


def _pairs(
    gallery: str | None, users: list[UUID] | None, table: Path | None
) -> list[tuple[str, UUID]]:
    """What is asked for, each once."""
    name = None if gallery is None else gallery_of(gallery, "GALLERY")
    if table is not None and not users:
        pairs = list(_from_table(table, name))
    elif table is None and name is not None and users:
        pairs = [(name, user_id) for user_id in users]
    else:
        raise typer.BadParameter("give GALLERY and at least one USER, or --csv FILE, not both")
    return list(dict.fromkeys(pairs))


def _from_table(table: Path, gallery: str | None) -> Iterator[tuple[str, UUID]]:
    from soloface.cli.frame.tables import rows

    columns = ("user_id",) if gallery else ("gallery", "user_id")
    for line, row in rows(table, *columns):
        where = f"{table}, line {line}"
        try:
            user_id = UUID(row["user_id"])
        except ValueError:
            what = row["user_id"] or "an empty cell"
            raise ConfigurationError(f"{where}: {what} is not the id of a user") from None
        yield gallery or gallery_of(row["gallery"], where), user_id


@contextmanager
def _members() -> Iterator[Members]:
    from connectors.postgres.connection import Database
    from connectors.postgres.gallery.members import Members
    from connectors.postgres.setup.schema import require_tables

    with closing(Database(load_settings().database)) as database:
        with database.connection() as connection:
            require_tables(connection)
        yield Members(database)
