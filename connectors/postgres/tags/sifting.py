"""Looking through all recorded faces, block by block, for those whose answer may change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID

import numpy as np

from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query
from connectors.postgres.tags.deciding import Rules
from dataflow.faces.face import Embedding
from dataflow.gallery.sifting import may_change

BLOCKS = 2048
"""Blocks of the table that are looked through in one step: 16 MB, some 6,000 faces."""

FEW = 8
"""So many users are compared where the faces are; of more, the faces are compared here."""

_NO_BOUND = float("inf")
_ABOVE_ALL = 3.0
"""More than any cosine distance."""


@dataclass(frozen=True, slots=True)
class Changed:
    """Users who changed, the vectors of those who have one, and how far a user is of interest."""

    user_ids: Sequence[UUID]
    vectors: Sequence[Embedding]
    reach: float

    @classmethod
    def of(cls, connection: Connection, user_ids: Sequence[UUID], rules: Rules) -> Self:
        """Look their vectors up."""
        asked = {"user_ids": list(user_ids), "model": rules.model}
        rows = connection.execute(query("enrolled_vectors"), asked).fetchall()
        return cls(user_ids, [vector.to_numpy() for _, vector in rows], rules.policy.reach)


def users_of(connection: Connection, user_ids: Sequence[UUID]) -> list[UUID]:
    """The photos on which some users are tagged, or named by somebody's word."""
    asked = {"user_ids": list(user_ids)}
    return [photo_id for (photo_id,) in connection.execute(query("photos_of_users"), asked)]


def photos_in_blocks(
    connection: Connection, changed: Changed | None, model: str, first: int, total: int
) -> tuple[list[UUID], int]:
    """The photos in the next blocks whose answer may change, all if ``changed`` is ``None``.

    Returns them and the block up to which it has looked.
    """
    end = min(first + BLOCKS, total)
    where: dict[str, Any] = {"model": model, "first": first, "end": end}
    if changed is None:
        rows = connection.execute(query("faces_in_blocks"), where).fetchall()
        return [photo_id for (photo_id,) in rows], end
    if len(changed.vectors) > FEW:
        return _compared_here(connection, changed, where), end
    asked = {
        "user_ids": list(changed.user_ids),
        "vectors": list(changed.vectors),
        "reach": min(changed.reach, _ABOVE_ALL),
    }
    rows = connection.execute(query("sift_faces"), where | asked).fetchall()
    return [photo_id for (photo_id,) in rows], end


def _compared_here(connection: Connection, changed: Changed, where: dict[str, Any]) -> list[UUID]:
    rows = connection.execute(query("vectors_in_blocks"), where, binary=True).fetchall()
    if not rows:
        return []
    photo_ids, vectors, nearest, second, distances = zip(*rows, strict=True)
    users = set(changed.user_ids)
    concerned = np.array([a in users or b in users for a, b in zip(nearest, second, strict=True)])
    bounds = np.array([_NO_BOUND if d is None else d for d in distances])
    faces = np.stack([vector.to_numpy() for vector in vectors])
    concerned |= may_change(faces, bounds, np.stack(changed.vectors), changed.reach)
    return list(dict.fromkeys(photo_ids[index] for index in np.flatnonzero(concerned)))
