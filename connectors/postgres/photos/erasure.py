"""Taking faces out of the database: a user's, a photo's, or those that nobody was found for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

import psycopg
from psycopg import sql

from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query
from dataflow.jobs.errors import ConfigurationError
from dataflow.persons.order import Moment

Subject = Literal["user", "photo"]

_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Erased:
    """What went: rows by table, and of a user the photos that showed them."""

    rows: Mapping[str, int]
    photo_ids: Sequence[UUID] = ()


def erase(  # noqa: PLR0913 - each is a word of the command
    connection: Connection,
    subject: Subject,
    subject_id: UUID,
    *,
    row: bool,
    dry_run: bool,
    by: str | None = None,
    is_known: bool = False,
    moment: Moment | None = None,
) -> Erased:
    """Take out everything about a user or a photo, all or nothing.

    A user has withdrawn with that: their id and those of the photos stay, so that no job, sweep or
    enrolment brings a face back.

    Args:
        connection: of a login that may delete.
        subject: whose id it is.
        subject_id: of a row in `users` or `photos`, which need not be there any more.
        row: whether that row goes as well, with whatever the platform's tables hang on it.
        dry_run: whether it is only counted.
        by: who asked for it; the feed tells it.
        is_known: whether there was such a user although no table names them.
        moment: when it was asked for, if that was by a message.

    Raises:
        ConfigurationError: the platform's tables keep the row from being deleted.
    """
    asked = {"id": subject_id}
    photo_ids: list[UUID] = []
    with connection.transaction(force_rollback=dry_run):
        connection.execute(query("say_why"), {"cause": "erased", "by": by or ""})
        if subject == "user":
            connection.execute(query("lock_user"), asked)
            showing = connection.execute(query("photos_showing"), asked).fetchall()
            photo_ids = [photo_id for (photo_id,) in showing]
        else:
            connection.execute(query("lock_photos"), {"photo_ids": [subject_id]})
        values = {
            **asked,
            "photo_ids": photo_ids,
            "stream_seq": moment.stream_seq if moment else None,
            "asked_at": moment.at if moment else None,
        }
        rows: dict[str, int] = dict(connection.execute(query(f"erase_{subject}"), values))
        if subject == "user" and (is_known or any(rows.values())):
            connection.execute(query("withdraw"), {**values, "by": by})
        if row:
            rows[f"{subject}s, whole row"] = _delete_row(connection, subject, subject_id)
    return Erased(rows, photo_ids)


def is_listed(connection: Connection, subject: Subject, subject_id: UUID) -> bool:
    """Whether the platform has a row for a user or a photo."""
    table = sql.Identifier(f"{subject}s")
    asked = sql.SQL("select from {} where id = %s").format(table)
    return connection.execute(asked, [subject_id]).fetchone() is not None


def has_withdrawn(connection: Connection, user_id: UUID) -> bool:
    """Whether a user was erased before."""
    rows = connection.execute(query("withdrawn_users"), {"user_ids": [user_id]})
    return rows.fetchone() is not None


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
