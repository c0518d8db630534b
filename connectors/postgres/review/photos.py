"""All that is known of one photo, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from connectors.postgres.review.cards import versions
from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """What the photo's last job, or a later change, came to."""

    outcome: str
    reason: str
    detail: str
    user_id: UUID | None
    distance: float | None
    within_threshold: bool | None
    margin: float | None
    model: str | None
    job_id: UUID | None
    deliveries: int
    published_at: datetime
    settled_at: datetime


@dataclass(frozen=True, slots=True)
class FaceRow:
    """A recorded face; distances are cosine distances in [0, 2]."""

    face_index: int
    bbox: Mapping[str, float]
    model: str
    det_score: float
    quality: Mapping[str, float] | None
    image_ref: str | None
    created_at: datetime
    updated_at: datetime
    user_id: UUID | None
    distance: float | None
    nearest_user_id: UUID | None
    nearest_distance: float | None
    second_user_id: UUID | None
    second_distance: float | None


@dataclass(frozen=True, slots=True)
class WordRow:
    """What somebody has said of the photo."""

    user_id: UUID | None
    decision: str
    face_index: int | None
    decided_by: str | None
    database_role: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class WholePhoto:
    """A photo with its outcome, its faces, and all that was said of it."""

    photo_id: UUID
    version: str
    withdrawn: bool
    claimed_by: str | None
    outcome: OutcomeRow | None
    faces: Sequence[FaceRow]
    words: Sequence[WordRow]


def whole_photo(connection: Connection, photo_id: UUID) -> WholePhoto | None:
    """Look a photo up; ``None``: there is none."""
    row = connection.execute(query("photo_whole"), {"photo_id": photo_id}).fetchone()
    if row is None:
        return None
    *outcome, withdrawn, claimed_by = row
    return WholePhoto(
        photo_id,
        versions(connection, [photo_id])[photo_id],
        withdrawn,
        claimed_by,
        OutcomeRow(*outcome) if outcome[0] else None,
        faces_of(connection, photo_id),
        words_of(connection, photo_id),
    )


def words_of(connection: Connection, photo_id: UUID) -> list[WordRow]:
    """All that was said of a photo, in the order in which it was said."""
    rows = connection.execute(query("words_of_photo"), {"photo_id": photo_id})
    return [WordRow(*row) for row in rows]


def faces_of(connection: Connection, photo_id: UUID) -> list[FaceRow]:
    """The recorded faces of a photo, without their vectors."""
    rows = connection.execute(query("photo_faces_whole"), {"photo_id": photo_id})
    return [FaceRow(*row) for row in rows]
