"""Whom to enrol by which photos: from arguments, a table, a folder tree or a bucket."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from uuid import UUID

from dataflow.gallery.enrolment import Offer
from dataflow.jobs.errors import ConfigurationError
from dataflow.jobs.image_ref import SCHEME


def from_table(table: Path) -> list[Offer]:
    """Read a CSV with the columns user_id and photo; a relative path is looked for beside it.

    Raises:
        ConfigurationError: it cannot be read, or a line names no user.
    """
    return _grouped(_rows(table))


def _rows(table: Path) -> Iterator[tuple[UUID, str]]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            for number, row in enumerate(csv.DictReader(file), start=2):
                try:
                    user_id, photo = UUID(row["user_id"]), row["photo"]
                    yield user_id, photo if photo.startswith(SCHEME) else str(table.parent / photo)
                except (KeyError, TypeError, ValueError, AttributeError):
                    raise ConfigurationError(
                        f"{table}, line {number}: needs a UUID in the column user_id and a path "
                        "in the column photo"
                    ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{table} cannot be read: {error}") from None


def from_folder(folder: Path) -> list[Offer]:
    """Read a tree USER/photo.jpg; hidden files and files beside the folders are passed over.

    Raises:
        ConfigurationError: it cannot be read, or a folder's name is no user's id.
    """
    try:
        users = sorted(path for path in folder.iterdir() if path.is_dir() and _shown(path.name))
        return _grouped(
            (_user_of(user.name, user), str(photo))
            for user in users
            for photo in sorted(user.iterdir())
            if photo.is_file() and _shown(photo.name)
        )
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be read: {error.strerror}") from None


def from_objects(objects: Iterable[tuple[str, str]]) -> list[Offer]:
    """Read objects named USER/photo under a prefix; those right under it are passed over.

    Raises:
        ConfigurationError: the first part of a name is no user's id.
    """
    return _grouped(
        (_user_of(name.partition("/")[0], photo), photo)
        for name, photo in objects
        if "/" in name and _shown(name.rpartition("/")[2])
    )


def _grouped(rows: Iterable[tuple[UUID, str]]) -> list[Offer]:
    """All photos of a user together, users in the order in which they first came."""
    photos: dict[UUID, list[str]] = {}
    for user_id, photo in rows:
        photos.setdefault(user_id, []).append(photo)
    return [Offer(user_id, tuple(theirs)) for user_id, theirs in photos.items()]


def _user_of(name: str, where: object) -> UUID:
    try:
        return UUID(name)
    except ValueError:
        raise ConfigurationError(f"{where}: {name} is not the id of a user") from None


def _shown(name: str) -> bool:
    return bool(name) and not name.startswith(".")
