"""What waits in `face_rematches`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query

MOST = 4096
"""Changes that share one look through all faces."""


@dataclass(frozen=True, slots=True)
class Request:
    """A row: the faces that a user may change, a photo's, or all of a contract since a time.

    With a ``gallery`` only those that belong to it; empty: those that belong to none.

    ``place`` is how far the table of faces was looked through for it, of so many ``blocks``;
    ``begun`` whether everybody who writes faces has seen the change. Of a contract's faces it may
    be only those whose nearest user lies farther than ``above`` and not farther than ``upto``.
    """

    id: int
    user_id: UUID | None
    photo_id: UUID | None
    since: datetime | None
    cause: str
    by: str | None
    place: int
    blocks: int
    begun: bool
    above: float | None = None
    upto: float | None = None
    gallery: str | None = None

    @property
    def is_of_all(self) -> bool:
        """Whether it is of a contract's faces, whomever they show."""
        return self.user_id is None and self.photo_id is None

    @property
    def is_of_band(self) -> bool:
        """Whether it is of those whose nearest user lies in a band, or of those of a gallery."""
        return self.is_of_all and (self.above is not None or self.gallery is not None)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits, `MOST` of each kind at most, and how many seconds the oldest has waited."""

    requests: Sequence[Request] = ()
    oldest_s: float = 0


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
