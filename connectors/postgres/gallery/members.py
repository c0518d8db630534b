"""Who belongs to which gallery."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from connectors.postgres.connection import Database
from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query

PAGE = 5000
"""Members that are read or written together."""


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who belongs to a gallery, since when, and whether they can be recognised."""

    user_id: UUID
    enrolled: bool
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Count:
    """A gallery, its members, how many of them are enrolled, and the faces that belong to it."""

    gallery: str
    members: int
    enrolled: int
    faces: int


@dataclass(frozen=True, slots=True)
class Large:
    """A gallery with many members enrolled, and for how many its limit holds at most."""

    gallery: str
    enrolled: int
    users: int


@dataclass(frozen=True, slots=True)
class Members:
    """The table, as a command sees it. A trigger has faces matched again when it changes."""

    database: Database

    def add(self, pairs: Sequence[tuple[str, UUID]], by: str | None = None) -> int:
        """Add users to galleries, all or none; returns how many were not there before.

        Those who are not in `users`, or have withdrawn, are left out.
        """
        return self._changed("join_galleries", pairs, by)

    def remove(self, pairs: Sequence[tuple[str, UUID]], by: str | None = None) -> int:
        """Take users out of galleries, all or none; returns how many were there."""
        return self._changed("leave_galleries", pairs, by)

    def of(self, gallery: str) -> Iterator[Member]:
        """The members of a gallery, in the order of their ids."""
        last = UUID(int=0)
        while True:
            asked = {"gallery": gallery, "last": last, "page": PAGE}
            with self.database.connection() as connection:
                rows = connection.execute(query("gallery_members"), asked).fetchall()
            yield from (Member(*row) for row in rows)
            if len(rows) < PAGE:
                return
            last = rows[-1][0]

    def counts(self) -> list[Count]:
        """All galleries that have members or faces."""
        with self.database.connection() as connection:
            return [Count(*row) for row in connection.execute(query("gallery_counts"))]

    def strangers(self, user_ids: Sequence[UUID]) -> list[UUID]:
        """Those who are not in `users`, or have withdrawn."""
        asked = {"user_ids": list(user_ids)}
        with self.database.connection() as connection:
            known = {row[0] for row in connection.execute(query("known_users"), asked)}
            withdrawn = {row[0] for row in connection.execute(query("withdrawn_users"), asked)}
        return [one for one in dict.fromkeys(user_ids) if one not in known or one in withdrawn]

    def _changed(self, statement: str, pairs: Sequence[tuple[str, UUID]], by: str | None) -> int:
        with self.database.connection() as connection, connection.transaction():
            connection.execute(query("say_why"), {"cause": "rematch", "by": by or ""})
            return _run(connection, statement, pairs)


def largest_galleries(connection: Connection, model: str, count: int) -> tuple[list[Large], int]:
    """The galleries with the most members enrolled with a contract, and how many have any.

    A gallery whose limit nobody has noted has the one for a single member.
    """
    asked = {"model": model, "count": count}
    rows = connection.execute(query("largest_galleries"), asked).fetchall()
    total = rows[0][3] if rows else 0
    return [Large(gallery, enrolled, users or 1) for gallery, enrolled, users, _ in rows], total


def join_galleries(connection: Connection, galleries: Mapping[UUID, Sequence[str]]) -> None:
    """Add users to galleries, in a transaction of the caller's or one of its own."""
    pairs = [(gallery, user_id) for user_id, names in galleries.items() for gallery in names]
    if pairs:
        _run(connection, "join_galleries", pairs)


def _run(connection: Connection, statement: str, pairs: Sequence[tuple[str, UUID]]) -> int:
    asked = {
        "galleries": [gallery for gallery, _ in pairs],
        "user_ids": [user_id for _, user_id in pairs],
    }
    with connection.transaction():
        # First, so that a withdrawal that comes meanwhile is seen.
        connection.execute(query("lock_tagged"), asked)
        return len(connection.execute(query(statement), asked).fetchall())
