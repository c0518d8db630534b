"""What the workers match by, kept where commands find it that run in another environment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from connectors.postgres.connection import Database
from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query
from dataflow.process.version import VERSION
from dataflow.steps.matching import MatchPolicy


@dataclass(frozen=True, slots=True)
class NotedLimits:
    """The limits of the workers of one contract, as of the last start of one of them."""

    model: str
    policy: MatchPolicy
    version: str
    noted_at: datetime


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits in the database."""

    database: Database

    def note(self, model: str, policy: MatchPolicy) -> NotedLimits | None:
        """Note what a worker of this contract matches by; returns what was noted before.

        Raises:
            SystemicError: the database does not take it.
        """
        values = {
            "model": model,
            "threshold": policy.threshold,
            "max_distance": policy.max_distance,
            "min_margin": policy.min_margin,
            "version": VERSION,
        }
        return self._one("note_limits", values)

    def noted(self) -> NotedLimits | None:
        """What the worker that started last matches by; ``None`` if none ever did.

        Raises:
            SystemicError: the database does not say.
        """
        return self._one("noted_limits", {})

    def of(self, model: str) -> NotedLimits | None:
        """What a worker of this contract matches by; ``None`` if none ever started.

        Raises:
            SystemicError: the database does not say.
        """
        return self._one("limits_of", {"model": model})

    def _one(self, name: str, values: dict[str, Any]) -> NotedLimits | None:
        with self.database.connection() as connection:
            return _limits(connection.execute(query(name), values))


def policy_of(connection: Connection, model: str) -> MatchPolicy | None:
    """What a worker of this contract matches by; ``None`` if none ever started.

    In a transaction that has entered by `enter_gate.sql`, an answer by it is an answer by the
    limits that hold: whoever changes them later matches that again.
    """
    noted = _limits(connection.execute(query("limits_of"), {"model": model}))
    return noted.policy if noted else None


def _limits(rows: psycopg.Cursor[TupleRow]) -> NotedLimits | None:
    row = rows.fetchone()
    if row is None:
        return None
    model, threshold, max_distance, min_margin, version, noted_at = row
    policy = MatchPolicy(threshold, max_distance, min_margin)
    return NotedLimits(model, policy, version, noted_at)
