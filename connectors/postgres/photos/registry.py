"""What the database knows of a batch's photos, in one query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow

from connectors.postgres.connection import Database
from connectors.postgres.sql_files import query
from dataflow.jobs.outcome import Match
from dataflow.jobs.reason import Reason
from dataflow.process.retry import Persistence
from dataflow.steps.guardrails import PastOutcome, PhotoState


@dataclass(frozen=True, slots=True)
class PostgresPhotos:
    """The platform's ``photos``, as the guardrails see them."""

    database: Database
    persistence: Persistence

    def states(self, photo_ids: Sequence[UUID]) -> Mapping[UUID, PhotoState]:
        """Look them up; holds while the database is away."""
        return self.persistence.call(lambda: self._states(photo_ids), "PostgreSQL")

    def _states(self, photo_ids: Sequence[UUID]) -> dict[UUID, PhotoState]:
        with self.database.connection() as connection:
            return photo_states(connection, photo_ids)


def photo_states(
    connection: psycopg.Connection[TupleRow], photo_ids: Sequence[UUID]
) -> dict[UUID, PhotoState]:
    """What is known of each photo."""
    rows = connection.execute(query("photo_states"), {"photo_ids": list(photo_ids)})
    states = {}
    for photo_id, known, matched, withdrawn, seq, published_at, reason, detail, *match in rows:
        past = (
            PastOutcome(seq, published_at, Reason(reason), detail, past_match(*match))
            if reason
            else None
        )
        states[photo_id] = PhotoState(known, matched, past, withdrawn)
    return states


def past_match(
    user_id: UUID | None,
    distance: float | None,
    within_threshold: bool | None,  # noqa: FBT001 - a row's columns, in their order
    margin: float | None,
) -> Match | None:
    """The match of a recorded outcome, if it had one whose user still exists."""
    if user_id is None:
        return None
    return Match(user_id, distance, within_threshold, margin)
