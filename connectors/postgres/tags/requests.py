"""How somebody asks by hand that faces are matched again, and learns how far that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from connectors.postgres.connection import Database
from connectors.postgres.sql_files import query


@dataclass(frozen=True, slots=True)
class Wish:
    """Whose faces shall be matched again: some users', or without any all of the contract.

    ``since``: of all, only those that were recorded or changed since then. ``gallery``: only those
    that belong to it.
    """

    user_ids: Sequence[UUID] = ()
    since: datetime | None = None
    gallery: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """So many of the blocks of faces were looked through; 0 of 0: it has not begun."""

    place: int
    blocks: int


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
            "gallery": wish.gallery,
            "cause": "rematch",
            "by": by,
        }
        with self.database.connection() as connection:
            return [number for (number,) in connection.execute(query("leave_rematches"), asked)]

    def of_all(self, model: str) -> list[int]:
        """The rows that wait for all faces of a contract to be matched again."""
        with self.database.connection() as connection:
            rows = connection.execute(query("rematches_of_all"), {"model": model})
            return [number for (number,) in rows]

    def progress(self, ids: Sequence[int]) -> Progress | None:
        """How far the faces were looked through for all of these; ``None``: they are done."""
        with self.database.connection() as connection:
            rows = connection.execute(query("waiting_rematches"), {"ids": list(ids)}).fetchall()
        return min((Progress(*row) for row in rows), key=lambda p: p.place) if rows else None

    def unknown(self, user_ids: Sequence[UUID]) -> list[UUID]:
        """Those who are not in `users`."""
        with self.database.connection() as connection:
            rows = connection.execute(query("known_users"), {"user_ids": list(user_ids)})
            known = {user_id for (user_id,) in rows}
        return [user_id for user_id in user_ids if user_id not in known]
