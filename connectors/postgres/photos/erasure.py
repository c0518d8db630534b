"""Taking faces out of the database: a user's, a photo's, or those that nobody was found for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

import psycopg
from psycopg import sql

from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query
from dataflow.jobs.errors import ConfigurationError

Subject = Literal["user", "photo"]

_BATCH = 1000


def erase(
    connection: Connection, subject: Subject, subject_id: UUID, *, row: bool, dry_run: bool
) -> Mapping[str, int]:
    """Take out everything about a user or a photo, all or nothing; returns the rows by table.

    Args:
        connection: of a login that may delete.
        subject: whose id it is.
        subject_id: of a row in `users` or `photos`, which need not be there any more.
        row: whether that row goes as well, with whatever the platform's tables hang on it.
        dry_run: whether it is only counted.

    Raises:
        ConfigurationError: the platform's tables keep the row from being deleted.
    """
    asked = {"id": subject_id}
    with connection.transaction(force_rollback=dry_run):
        if subject == "user":
            connection.execute(query("lock_user"), asked)
        else:
            connection.execute(query("lock_photos"), {"photo_ids": [subject_id]})
        erased = connection.execute(query(f"erase_{subject}"), asked).fetchall()
        counts: dict[str, int] = dict(erased)
        if row:
            counts[f"{subject}s, whole row"] = _delete_row(connection, subject, subject_id)
    return counts


def is_listed(connection: Connection, subject: Subject, subject_id: UUID) -> bool:
    """Whether the platform has a row for a user or a photo."""
    table = sql.Identifier(f"{subject}s")
    asked = sql.SQL("select from {} where id = %s").format(table)
    return connection.execute(asked, [subject_id]).fetchone() is not None


def others_photos(connection: Connection, user_id: UUID, photos: Sequence[str]) -> set[str]:
    """Those of some photos, by their references, that somebody else was enrolled by, or refused."""
    parameters = {"id": user_id, "refs": list(photos)}
    return {ref for (ref,) in connection.execute(query("others_photos"), parameters)}


def _delete_row(connection: Connection, subject: Subject, subject_id: UUID) -> int:
    try:
        return connection.execute(query(f"delete_{subject}"), {"id": subject_id}).rowcount
    except psycopg.errors.ForeignKeyViolation as error:
        raise ConfigurationError(
            f"other tables need the {subject} {subject_id}: {error.diag.message_detail}; "
            "delete the row there, or erase without --row"
        ) from None


def count_unmatched(connection: Connection, before: datetime) -> int:
    """How many faces nobody was found for have not changed since then."""
    row = connection.execute(query("count_unmatched"), {"before": before}).fetchone()
    return int(row[0]) if row else 0


def drop_unmatched(connection: Connection, before: datetime) -> Iterator[int]:
    """Drop them, some at a time so that no worker waits; yields how many went."""
    parameters = {"before": before, "count": _BATCH}
    while dropped := connection.execute(query("drop_unmatched"), parameters).rowcount:
        yield dropped
