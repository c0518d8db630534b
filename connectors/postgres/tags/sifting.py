"""Looking through all recorded faces, block by block, for those whose answer may change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString, Self
from uuid import UUID

import numpy as np

from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query
from connectors.postgres.tags.deciding import Rules
from connectors.postgres.tags.waiting import Request
from dataflow.faces.face import Embedding
from dataflow.gallery.sifting import may_change

BLOCKS = 8192
"""Blocks of the table that are looked through in one step: 64 MB, some 25,000 faces."""

BLOCKS_FETCHED = 2048
"""The same where the faces in them are fetched, which takes that much memory here."""

BLOCKS_OF_ALL = 128
"""The same where all faces in them are decided again: some 400."""

BLOCKS_OF_BAND = 1024
"""The same where those in a band of distances are decided again, and that may be most of them."""

FEW = 8
"""So many users are compared where the faces are, as many as `sift_faces.sql` has places for.

Of more, the faces are fetched and compared here, with all of them at once.
"""

_NO_BOUND = float("inf")


@dataclass(frozen=True, slots=True)
class Blocks:
    """The next blocks of the table of faces, and the contract of the faces that count."""

    model: str
    first: int
    end: int

    @classmethod
    def after(
        cls, place: int, total: int, model: str, users: int | None, *, band: bool = False
    ) -> Self:
        """As many as one step takes that compares them with so many users; ``None``: with all.

        ``band``: those in a band of distances are decided again too.
        """
        few = BLOCKS_OF_ALL if users is None else BLOCKS
        size = BLOCKS_FETCHED if users and users > FEW else few
        size = min(size, BLOCKS_OF_BAND) if band else size
        return cls(model, place, min(place + size, total))

    @property
    def parameters(self) -> dict[str, Any]:
        """For the statements that look there."""
        return {"model": self.model, "first": self.first, "end": self.end}


@dataclass(frozen=True, slots=True)
class Band:
    """Distances greater than ``above`` and not greater than ``upto``."""

    above: float
    upto: float

    @classmethod
    def around(cls, requests: Sequence[Request]) -> Self | None:
        """One that holds all of some requests' bands; ``None``: there are none."""
        if not requests:
            return None
        return cls(
            min(request.above or 0 for request in requests),
            max(_NO_BOUND if r.upto is None else r.upto for r in requests),
        )


@dataclass(frozen=True, slots=True)
class Changed:
    """Users who changed, the vectors of those who have one, and how far a user is of interest."""

    model: str
    user_ids: Sequence[UUID]
    vectors: Sequence[Embedding]
    reach: float

    @classmethod
    def of(cls, connection: Connection, user_ids: Sequence[UUID], rules: Rules) -> Self:
        """Look their vectors up."""
        asked = {"user_ids": list(user_ids), "model": rules.model}
        rows = connection.execute(query("enrolled_vectors"), asked, binary=True).fetchall()
        return cls(
            rules.model, user_ids, [vector.to_numpy() for _, vector in rows], rules.policy.reach
        )

    def tagged(self, connection: Connection) -> list[UUID]:
        """The photos on which they are tagged, named by somebody's word, or were nearest."""
        asked = {"user_ids": list(self.user_ids), "model": self.model}
        return _photos(connection, query("photos_of_users"), asked)

    def photos(self, connection: Connection, blocks: Blocks) -> list[UUID]:
        """The photos in some blocks whose answer they change by being near now."""
        if not self.vectors:
            return []
        if len(self.vectors) > FEW:
            return self._compared_here(connection, blocks)
        reach = None if self.reach == _NO_BOUND else self.reach
        asked = {"vectors": list(self.vectors), "reach": reach}
        # A plan for any values cannot leave out the places that are empty: half as slow again.
        return _photos(connection, query("sift_faces"), blocks.parameters | asked, prepare=False)

    def _compared_here(self, connection: Connection, blocks: Blocks) -> list[UUID]:
        found = connection.execute(query("vectors_in_blocks"), blocks.parameters, binary=True)
        rows = found.fetchall()
        if not rows:
            return []
        photo_ids, vectors, distances = zip(*rows, strict=True)
        bounds = np.array([_NO_BOUND if d is None else d for d in distances])
        faces = np.stack([vector.to_numpy() for vector in vectors])
        concerned = may_change(faces, bounds, np.stack(self.vectors), self.reach)
        return list(dict.fromkeys(photo_ids[index] for index in np.flatnonzero(concerned)))


def photos_since(connection: Connection, blocks: Blocks, since: datetime | None) -> list[UUID]:
    """The photos in some blocks, all or those whose face was recorded or changed since then."""
    asked = {"since": since, "above": None, "upto": None}
    return _photos(connection, query("faces_in_blocks"), blocks.parameters | asked)


def photos_in_band(connection: Connection, blocks: Blocks, band: Band) -> list[UUID]:
    """The photos in some blocks with a face whose nearest user lies in a band, or is not known."""
    asked = {"since": None, "above": band.above, "upto": band.upto}
    return _photos(connection, query("faces_in_blocks"), blocks.parameters | asked)


def _photos(
    connection: Connection,
    text: LiteralString,
    asked: dict[str, Any],
    *,
    prepare: bool | None = None,
) -> list[UUID]:
    return [photo_id for (photo_id,) in connection.execute(text, asked, prepare=prepare)]
