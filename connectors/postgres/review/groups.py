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
from dataflow.faces.face import Embedding
from dataflow.gallery.grouping import grouped
from dataflow.gallery.newcomers import UnknownFace

LOOKED_AT = 2000
"""The newest unknown faces that are compared with each other."""


@dataclass(frozen=True, slots=True)
class UnknownGroup:
    """Photos of perhaps one person; ``widest`` is the largest distance from the first one."""

    photo_ids: Sequence[UUID]
    widest: float


def unknown_groups(
    connection: Connection, rules: Rules, filters: Filters
) -> tuple[list[UnknownGroup], int]:
    """The groups among the newest unknown faces, the largest first, and how many were compared.

    Faces of different galleries are never compared with each other; where a gallery is required,
    those that belong to none are compared with no other.
    """
    places = next_photos(connection, Queue.UNKNOWN, rules.policy, filters, count=LOOKED_AT)
    asked = {"photo_ids": [place.photo_id for place in places]}
    rows = connection.execute(query("recorded_faces"), asked, binary=True).fetchall()
    galleries: dict[str | None, list[tuple[UUID, Embedding]]] = {}
    for photo_id, _, _, gallery, model, vector, *_ in rows:
        alone = gallery is None and rules.policy.gallery_required
        if model == rules.model and vector is not None and not alone:
            galleries.setdefault(gallery, []).append((photo_id, vector.to_numpy()))
    groups = [
        group for faces in galleries.values() for group in _grouped(faces, rules.policy.farthest)
    ]
    # Stable: of two that are as large, the one with the newer face stays first.
    groups.sort(key=lambda group: -len(group.photo_ids))
    return groups, sum(map(len, galleries.values()))


def unknown_faces(connection: Connection, faces: Sequence[tuple[UUID, int]]) -> list[UnknownFace]:
    """Some faces by photo and index, as far as they are recorded; in no order."""
    asked = {
        "photo_ids": [photo_id for photo_id, _ in faces],
        "face_indices": [index for _, index in faces],
    }
    return [UnknownFace(*row) for row in connection.execute(query("unknown_faces"), asked)]


def _grouped(faces: Sequence[tuple[UUID, Embedding]], reach: float) -> list[UnknownGroup]:
    found = grouped(np.stack([vector for _, vector in faces]), reach)
    return [
        UnknownGroup([faces[place][0] for place in group.places], group.widest) for group in found
    ]
