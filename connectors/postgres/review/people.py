"""What is shown of users: by which photos they are enrolled, and where they are tagged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query


@dataclass(frozen=True, slots=True)
class WholeUser:
    """A user; ``photos`` are the sha256 of those that they are enrolled by."""

    user_id: UUID
    model: str | None
    enrolled_at: datetime | None
    withdrawn: bool
    photos: Sequence[str]


@dataclass(frozen=True, slots=True)
class TaggedPhoto:
    """A photo that a user is tagged on; ``distance`` is ``None`` where a person said so alone."""

    photo_id: UUID
    face_index: int
    distance: float | None
    tagged_at: datetime
    confirmed: bool


@dataclass(frozen=True, slots=True)
class LastSeen:
    """Where a page of a user's photos ends."""

    distance: float
    photo_id: UUID


NO_DISTANCE = -1.0
"""Sorts tags without a distance behind all others."""


def whole_user(connection: Connection, user_id: UUID) -> WholeUser | None:
    """Look a user up; ``None``: they are not in `users`."""
    row = connection.execute(query("user_whole"), {"user_id": user_id}).fetchone()
    return WholeUser(*row) if row else None


def photos_of_user(
    connection: Connection, user_id: UUID, count: int, after: LastSeen | None = None
) -> list[TaggedPhoto]:
    """The photos that a user is tagged on, the farthest first: wrong ones are among those."""
    asked = {
        "user_id": user_id,
        "count": count,
        "after_distance": after.distance if after else None,
        "after_photo": after.photo_id if after else None,
    }
    return [TaggedPhoto(*row) for row in connection.execute(query("photos_of_user"), asked)]


def enrolled_photo(connection: Connection, user_id: UUID, sha256: str) -> str | None:
    """The reference of a photo that a user was enrolled by; ``None``: there is none."""
    asked = {"user_id": user_id, "sha256": sha256}
    row = connection.execute(query("enrolled_photo"), asked).fetchone()
    return row[0] if row else None
