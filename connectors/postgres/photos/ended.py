"""How jobs ended, as rows of `face_match_outcomes`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow

from connectors.postgres.sql_files import query
from dataflow.jobs.job import Job
from dataflow.jobs.outcome import Settled
from dataflow.jobs.reason import Reason

Connection = psycopg.Connection[TupleRow]


@dataclass(frozen=True, slots=True)
class Ended:
    """A settled job, by the contract of which model, and whom its face was compared with."""

    item: Settled
    job: Job
    model: str | None = None
    compared: Mapping[str, Any] = field(default_factory=dict)


def lock(connection: Connection, photo_ids: Sequence[UUID]) -> None:
    """Let nobody else write about these photos until the transaction ends."""
    connection.execute(query("lock_photos"), {"photo_ids": photo_ids})


def store(connection: Connection, ended: Iterable[Ended]) -> None:
    """Store what is new of them; the photos are locked."""
    fresh = [one for one in ended if not one.item.repeated]
    rows = [_row(one) for one in fresh]
    if rows:
        connection.execute(query("record_outcomes"), columns(rows))
        connection.execute(query("move_galleries"), columns(map(_place, fresh)))


def columns(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Rows as one array per column: the shape that ``unnest`` takes."""
    found = defaultdict[str, list[Any]](list)
    for row in rows:
        for name, value in row.items():
            found[name].append(value)
    return found


def _place(one: Ended) -> Mapping[str, Any]:
    return {
        "photo_id": one.job.photo_id,
        "gallery": one.job.gallery,
        "published_at": one.item.delivery.published_at,
    }


def _row(one: Ended) -> Mapping[str, Any]:
    item, match = one.item, one.item.match
    matched = item.reason is Reason.MATCHED
    near = {} if matched else one.compared
    return {
        "photo_id": one.job.photo_id,
        "outcome": str(item.reason.outcome),
        "reason": str(item.reason),
        "detail": item.detail,
        "user_id": match.user_id if match and matched else None,
        "distance": match.distance if match else None,
        "within_threshold": match.within_threshold if match else None,
        "margin": match.margin if match else None,
        "nearest_user_id": near.get("nearest_user_id"),
        "second_user_id": near.get("second_user_id"),
        "model": one.model,
        "job_id": one.job.job_id,
        "stream_seq": item.delivery.stream_seq,
        "published_at": item.delivery.published_at,
        "deliveries": item.delivery.attempt,
    }
