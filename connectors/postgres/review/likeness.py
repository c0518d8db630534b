"""Looking through all recorded faces for those like one, as re-match looks through them."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import nsmallest
from uuid import UUID

from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query
from connectors.postgres.tags.sifting import Blocks
from connectors.postgres.tags.waiting import face_blocks
from dataflow.faces.face import Embedding


@dataclass(frozen=True, slots=True)
class Alike:
    """A face on a photo, and its cosine distance in [0, 2] to the one that is sought."""

    photo_id: UUID
    face_index: int
    distance: float


def faces_like(  # noqa: PLR0913 - each is part of what is asked for
    connection: Connection,
    vector: Embedding,
    model: str,
    reach: float,
    count: int,
    *,
    gallery: str | None = None,
) -> list[Alike]:
    """The recorded faces that are nearest to a vector, the nearest first.

    Exact: it compares all of them, some blocks of the table at a time, so that no statement takes
    long.

    Args:
        connection: to the database.
        vector: the face that is sought, unit length.
        model: the contract of the vector; faces of others are left out.
        reach: the largest cosine distance that counts.
        count: so many at most.
        gallery: the faces of this one; ``None``: those that belong to none.
    """
    total = face_blocks(connection)
    found: list[Alike] = []
    place = 0
    while place < total:
        blocks = Blocks.after(place, total, model, 1)
        asked = {**blocks.parameters, "vector": vector, "reach": reach, "count": count}
        asked["gallery"] = gallery
        some = [Alike(*row) for row in connection.execute(query("faces_like"), asked)]
        found = nsmallest(count, [*found, *some], key=lambda a: (a.distance, a.photo_id))
        if len(found) == count:
            reach = found[-1].distance
        place = blocks.end
    return found
