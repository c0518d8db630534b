"""What waits in `face_rematches`, and how somebody asks for it by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from connectors.postgres.connection import Database
from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query

MOST = 4096
"""Changes that share one look through all faces."""


@dataclass(frozen=True, slots=True)
class Request:
    """A row: the faces that a user may change, a photo's, or all of a contract since a time.

    ``place`` is how far the table of faces was looked through for it, in blocks; ``begun`` whether
    everybody who writes faces has seen the change.
    """

    id: int
    user_id: UUID | None
    photo_id: UUID | None
    since: datetime | None
    cause: str
    by: str | None
    place: int
    begun: bool

    @property
    def is_of_all(self) -> bool:
        """Whether it is of a contract's faces, whomever they show."""
        return self.user_id is None and self.photo_id is None


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits, `MOST` of it at most, and how many seconds the oldest has waited."""

    requests: Sequence[Request] = ()
    oldest_s: float = 0


@dataclass(frozen=True, slots=True)
class Wish:
    """Whose faces shall be matched again: some users', or without any all of the contract.

    ``since``: of all, only those that were recorded or changed since then.
    """

    user_ids: Sequence[UUID] = ()
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Requests:
    """The table, as a command sees it."""

    database: Database

    def leave(self, wish: Wish, model: str, by: str | None = None) -> list[int]:
        """Write down what is wished; a worker may begin with it at once. Returns the rows' ids."""
        rows: list[tuple[UUID | None, str | None]] = [(user, None) for user in wish.user_ids]
        users, models = zip(*(rows or [(None, model)]), strict=True)
        asked = {
            "user_ids": list(users),
            "models": list(models),
            "since": wish.since,
            "cause": "rematch",
            "by": by,
        }
        with self.database.connection() as connection:
            return [number for (number,) in connection.execute(query("leave_rematches"), asked)]

    def places(self, ids: Sequence[int]) -> Mapping[int, int]:
        """Those that are not done yet, and how far the faces were looked through for each."""
        with self.database.connection() as connection:
            rows = connection.execute(query("waiting_rematches"), {"ids": list(ids)})
            return dict(rows.fetchall())

    def blocks(self) -> int:
        """How large the table of faces is, in blocks."""
        with self.database.connection() as connection:
            return face_blocks(connection)

    def unknown(self, user_ids: Sequence[UUID]) -> list[UUID]:
        """Those who are not in `users`."""
        with self.database.connection() as connection:
            rows = connection.execute(query("known_users"), {"user_ids": list(user_ids)})
            known = {user_id for (user_id,) in rows}
        return [user_id for user_id in user_ids if user_id not in known]


def waiting(connection: Connection, model: str) -> Waiting:
    """What waits for a process of this contract, photos first."""
    asked = {"model": model, "most": MOST}
    rows = connection.execute(query("pending_rematches"), asked).fetchall()
    if not rows:
        return Waiting()
    return Waiting([Request(*row[:-1]) for row in rows], rows[0][-1])


def face_blocks(connection: Connection) -> int:
    """How large the table of faces is, in blocks."""
    (blocks,) = connection.execute(query("face_blocks")).fetchone() or (0,)
    return int(blocks)
