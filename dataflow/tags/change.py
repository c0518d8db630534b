"""What is told of a tag that changes: a CloudEvent, from which a listener keeps its own table.

A tag says whom a face on a photo shows. Its changes are numbered, each face's in the order in which
they were made. So whoever knows the change with the greatest number of each face knows all tags.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Annotated
from uuid import UUID

import orjson
from pydantic import Field
from pydantic.dataclasses import dataclass

from dataflow.jobs.cloud_event import as_json, attributes

TYPE = "photo_faces.single.tags.v1"
_DIGEST_BYTES = 12

Tags = dict[tuple[UUID, int], tuple[UUID | None, float | None]]
"""Who is tagged and how far they are, by photo and face."""


class Change(StrEnum):
    """What became of a tag."""

    GAINED = "gained"
    LOST = "lost"
    MOVED = "moved"
    REMEASURED = "remeasured"


class Cause(StrEnum):
    """Why it changed."""

    JOB = "job"
    REMATCH = "rematch"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    ERASED = "erased"
    REEMBEDDED = "reembedded"
    PLATFORM = "platform"

    @classmethod
    def _missing_(cls, _value: object) -> Cause:
        """Whoever writes to the database may have named another one."""
        return cls.PLATFORM


@dataclass(frozen=True, slots=True)
class TagChange:
    """How a tag changed. Fields may be added; none is renamed or removed within this type."""

    photo_id: UUID = Field(description="The photo.")
    face_index: int = Field(description="Which of its faces; the jobs say how they are numbered.")
    gallery: str | None = Field(
        description="The gallery of the photo; null if it belongs to none, and shows anybody."
    )
    change: Change = Field(
        description="gained: the face shows a user now. lost: it shows none any more. moved: it "
        "shows another user. remeasured: the same user at another distance, or in another gallery."
    )
    user_id: UUID | None = Field(description="Whom the face shows now; null if the tag is lost.")
    previous_user_id: UUID | None = Field(
        description="Whom it showed before; null if the tag is gained."
    )
    distance: float | None = Field(
        description="Cosine distance to that user, 0 to 2; null if somebody said whom it shows "
        "and there is no vector to compare with, or if the tag is lost."
    )
    cause: Cause = Field(
        description="Why. job: a job found it. rematch: users, limits or a photo were matched "
        "again. confirmed, rejected: somebody's word. erased: somebody does not want to be "
        "recognised any more. reembedded: another model. platform: somebody else changed the "
        "table. More causes may be added."
    )
    by: str | None = Field(description="Whose word it was, if that was said.")
    seq: Annotated[int, Field(ge=1)] = Field(
        description="Number of the change. Of two changes of a face the greater one is the later."
    )
    changed_at: datetime = Field(description="When the tag changed.")


def body(change: TagChange) -> bytes:
    """The event's data, as JSON."""
    return as_json(change)


def headers(change: TagChange, stream: str) -> dict[str, str]:
    """The event's attributes as NATS headers; however often it is told, they are the same."""
    return attributes(TYPE, identity(change), stream, change.photo_id, change.changed_at)


def identity(change: TagChange) -> str:
    """By what JetStream knows that it was told this change before.

    The number alone is not enough. In a database that was restored it goes back, and two databases
    may tell on one stream.
    """
    digest = blake2b(body(change), digest_size=_DIGEST_BYTES).hexdigest()
    return f"{change.seq}-{digest}"


def tells_the_end(data: bytes, erased: UUID) -> bool:
    """Whether a message that names an erased user or photo tells that a tag of theirs is gone.

    That has to stay on the stream: a listener who is away now would keep the tag for ever.
    """
    try:
        told = orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    if not isinstance(told, dict):
        return False
    change, here = told.get("change"), (told.get("photo_id"), told.get("user_id"))
    return change == Change.LOST or (change == Change.MOVED and str(erased) not in here)


def replayed(changes: Iterable[TagChange]) -> Tags:
    """The tags that are there after some changes: what a listener does with the feed.

    The changes may come several times and in any order: of each face the last one counts.
    """
    last: dict[tuple[UUID, int], TagChange] = {}
    for change in changes:
        face = (change.photo_id, change.face_index)
        known = last.get(face)
        if known is None or known.seq < change.seq:
            last[face] = change
    return {
        face: (change.user_id, change.distance)
        for face, change in last.items()
        if change.change is not Change.LOST
    }
