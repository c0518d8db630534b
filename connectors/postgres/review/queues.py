"""The queues of what is to be looked at: which photos come next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from psycopg.rows import TupleRow

from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query
from dataflow.jobs.reason import Reason
from dataflow.steps.matching import DOUBT, MatchPolicy


class Queue(StrEnum):
    """What people look at. The names are stable."""

    DOUBTFUL = "doubtful"
    """Nobody was tagged because two users are as near; or a tag is at the edge of the limit."""
    NEAR_MISSES = "near_misses"
    """The nearest user is a little farther than the limit."""
    UNKNOWN = "unknown"
    """Faces that are near nobody."""
    RECENT = "recent"
    """Photos that were tagged, the newest first."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page ends: the next one begins after this photo."""

    settled_at: datetime
    photo_id: UUID


@dataclass(frozen=True, slots=True)
class Filters:
    """Which photos of a queue are wanted; ``None``: all.

    ``user_id`` is tagged there, or was nearest or second-nearest; ``gallery`` is that of a face.
    """

    gallery: str | None = None
    user_id: UUID | None = None
    reason: Reason | None = None
    since: datetime | None = None
    until: datetime | None = None


def next_photos(  # noqa: PLR0913 - each is part of what is asked for
    connection: Connection,
    queue: Queue,
    policy: MatchPolicy,
    filters: Filters,
    *,
    after: Place | None = None,
    count: int,
    not_claimed_but_by: str | None = None,
) -> list[Place]:
    """The next photos of a queue, the newest outcome first.

    Args:
        connection: to the database.
        queue: which one.
        policy: the limits that hold; they say what is at the edge.
        filters: which photos are wanted.
        after: the last one of the page before.
        count: so many at most.
        not_claimed_but_by: leaves out what somebody else looks at just now.
    """
    asked = {
        "queue": str(queue),
        "reasons": [str(reason) for reason in _reasons(queue, filters.reason)],
        **_edges(policy),
        "gallery": filters.gallery,
        "user_id": filters.user_id,
        "since": filters.since,
        "until": filters.until,
        "after_time": after.settled_at if after else None,
        "after_photo": after.photo_id if after else None,
        "count": count,
        "claimed_by": not_claimed_but_by,
    }
    return [Place(*row) for row in _rows(connection, asked)]


def waiting(
    connection: Connection, policy: MatchPolicy, filters: Filters, most: int
) -> dict[Queue, int]:
    """How many photos each queue holds, up to ``most``: counting goes no further."""
    return {
        queue: len(next_photos(connection, queue, policy, filters, count=most)) for queue in Queue
    }


def _rows(connection: Connection, asked: Mapping[str, Any]) -> Iterable[TupleRow]:
    # Never by a plan for any values: which of the conditions count depends on them.
    return connection.execute(query("review_queue"), asked, prepare=False)


def _edges(policy: MatchPolicy) -> dict[str, Any]:
    """Beyond which distances and margins an answer belongs into which queue."""
    return {
        "edge": policy.farthest - DOUBT,
        "narrow": (policy.min_margin or 0) + DOUBT,
        "reach": policy.reach,
    }


def _reasons(queue: Queue, wanted: Reason | None) -> Sequence[Reason]:
    reasons: Sequence[Reason]
    match queue:
        case Queue.DOUBTFUL:
            reasons = (Reason.AMBIGUOUS, Reason.MATCHED)
        case Queue.NEAR_MISSES:
            reasons = (Reason.NO_USER_WITHIN_DISTANCE,)
        case Queue.UNKNOWN:
            reasons = (Reason.NO_USER_WITHIN_DISTANCE, Reason.NO_ENROLLED_USERS)
        case Queue.RECENT:
            reasons = (Reason.MATCHED,)
    return [reason for reason in reasons if wanted in {None, reason}]
