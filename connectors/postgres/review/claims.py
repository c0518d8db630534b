"""Who looks at which photo just now: nobody else gets it meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from connectors.postgres.review.queues import Filters, Place, Queue, next_photos
from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query
from dataflow.steps.matching import MatchPolicy


def claim_next(  # noqa: PLR0913 - each is part of what is asked for
    connection: Connection,
    queue: Queue,
    policy: MatchPolicy,
    filters: Filters,
    *,
    by: str,
    for_s: float,
    count: int,
    after: Place | None = None,
) -> list[Place]:
    """Give somebody the next photos of a queue, and keep them from others.

    Args:
        connection: to the database.
        queue: which one.
        policy: the limits that hold.
        filters: which photos are wanted.
        by: who will look at them; those that they look at already come too.
        for_s: seconds after which others may get them.
        count: so many at most.
        after: the last photo that they have seen.
    """
    claimed: list[Place] = []
    while len(claimed) < count:
        missing = count - len(claimed)
        some = next_photos(
            connection, queue, policy, filters, after=after, count=missing, not_claimed_but_by=by
        )
        if not some:
            break
        after = some[-1]
        asked = {"by": by, "for_s": for_s, "photo_ids": [place.photo_id for place in some]}
        # Somebody may have been faster: then theirs are left out here, and we look further.
        ours = {photo_id for (photo_id,) in connection.execute(query("claim_photos"), asked)}
        claimed += [place for place in some if place.photo_id in ours]
    return claimed


def release(connection: Connection, by: str, photo_ids: Sequence[UUID]) -> int:
    """Let others have photos that somebody looks at; returns how many they were."""
    asked = {"by": by, "photo_ids": list(photo_ids)}
    return connection.execute(query("release_photos"), asked).rowcount
