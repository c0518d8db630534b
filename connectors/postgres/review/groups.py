"""Faces near nobody who is enrolled, put together where they look like one person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from connectors.postgres.review.queues import Filters, Queue, next_photos
from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query
from connectors.postgres.tags.deciding import Rules
from dataflow.gallery.grouping import grouped

LOOKED_AT = 2000
"""The newest unknown faces that are compared with each other."""


@dataclass(frozen=True, slots=True)
class UnknownGroup:
    """Photos of perhaps one person; ``widest`` is the largest distance from the first one."""

    photo_ids: Sequence[UUID]
    widest: float


def unknown_groups(
    connection: Connection, rules: Rules, filters: Filters, reach: float
) -> tuple[list[UnknownGroup], int]:
    """The groups among the newest unknown faces, the largest first, and how many were compared."""
    places = next_photos(connection, Queue.UNKNOWN, rules.policy, filters, count=LOOKED_AT)
    asked = {"photo_ids": [place.photo_id for place in places]}
    rows = connection.execute(query("recorded_faces"), asked, binary=True).fetchall()
    faces = {
        row[0]: row[4].to_numpy() for row in rows if row[3] == rules.model and row[4] is not None
    }
    if not faces:
        return [], 0
    photo_ids = list(faces)
    found = grouped(np.stack(list(faces.values())), reach)
    return (
        [UnknownGroup([photo_ids[i] for i in group.places], group.widest) for group in found],
        len(faces),
    )
