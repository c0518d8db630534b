"""Looking for likeness: the recorded faces like a vector, and the users like a recorded face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import nsmallest
from uuid import UUID

from connectors.postgres.gallery.candidates import words
from connectors.postgres.gallery.search import nearest_fellows
from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query
from connectors.postgres.tags.sifting import Blocks
from connectors.postgres.tags.waiting import face_blocks
from dataflow.faces.face import Embedding
from dataflow.steps.matching import NOTHING_SAID, Candidate, not_rejected


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


@dataclass(frozen=True, slots=True)
class UsersLike:
    """The users who are nearest to a recorded face, in its gallery."""

    gallery: str | None
    users: Sequence[Candidate]


def users_like(  # noqa: PLR0913 - each is part of what is asked for
    connection: Connection,
    photo_id: UUID,
    face_index: int,
    model: str,
    count: int,
    *,
    gallery_required: bool,
) -> UsersLike | None:
    """The nearest users, without those of whom somebody has said that it is not them.

    Args:
        connection: to the database.
        photo_id: whose face it is.
        face_index: which of its faces.
        model: the contract of the vectors that are compared; a face of another has no such users.
        count: so many at most.
        gallery_required: a face that belongs to no gallery has no such users.

    Returns:
        ``None``: there is no such face.
    """
    asked = {"photo_ids": [photo_id]}
    rows = connection.execute(query("recorded_faces"), asked, binary=True).fetchall()
    for _, _, index, gallery, its_model, vector, *_ in rows:
        if index != face_index:
            continue
        if its_model != model or vector is None or (gallery_required and gallery is None):
            return UsersLike(gallery, ())
        spoken = words(connection.execute(query("decisions"), asked).fetchall())
        said = spoken.get(photo_id, NOTHING_SAID)
        inside = [frozenset({gallery} if gallery else ())]
        enough = count + len(said.rejected)
        (near,) = nearest_fellows(connection, [vector.to_numpy()], inside, model, enough)
        return UsersLike(gallery, not_rejected(near, said)[:count])
    return None
