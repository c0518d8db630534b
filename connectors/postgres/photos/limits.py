"""What the workers match by, kept where commands find it that run in another environment."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from connectors.postgres.connection import Database
from connectors.postgres.gallery.users import count_users
from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query
from dataflow.gallery.limit import FollowingLimit, Step, smaller_of
from dataflow.gallery.policies import Policies
from dataflow.process.version import VERSION
from dataflow.steps.matching import MatchPolicy


@dataclass(frozen=True, slots=True)
class NotedLimits:
    """The limits of the workers of one contract, as of the last start of one of them.

    ``policy`` is what decides now. Where its distance follows the gallery (``follows``), it holds
    for up to ``users`` of them, and ``fixed`` is the distance that was set as well.
    """

    model: str
    policy: MatchPolicy
    version: str
    noted_at: datetime
    fixed: float | None = None
    follows: FollowingLimit | None = None
    users: int | None = None

    @property
    def wanted(self) -> dict[str, float | None]:
        """What was set, by the names of the settings; it does not depend on the gallery."""
        return wanted(replace(self.policy, max_distance=self.fixed), self.follows)

    @property
    def step(self) -> Step | None:
        """Where in its steps the limit is; ``None``: it does not follow."""
        return self.follows.at(self.users or 0) if self.follows else None

    def at(self, users: int) -> NotedLimits:
        """The limits that the workers come to with so many enrolled users."""
        if self.follows is None:
            return self
        step = self.follows.at(users)
        policy = following_policy(replace(self.policy, max_distance=self.fixed), step)
        return replace(self, policy=policy, users=step.users)


def wanted(policy: MatchPolicy, follows: FollowingLimit | None) -> dict[str, float | None]:
    """What is set, by the names of the settings; ``policy`` has the distance that is set."""
    return {**policy.limits, "max_fpir": follows.max_fpir if follows else None}


def following_policy(policy: MatchPolicy, step: Step) -> MatchPolicy:
    """What decides at a step: of the distance that is set and the derived one, the smaller."""
    return replace(policy, max_distance=smaller_of(policy.max_distance, step.distance))


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits in the database."""

    database: Database

    def note(
        self, model: str, policy: MatchPolicy, follows: FollowingLimit | None = None
    ) -> NotedLimits | None:
        """Note what the workers of this contract match by; returns what was noted before.

        All of them follow it from their next job on. If users change meanwhile, the first who
        matches again for them corrects the step.

        Args:
            model: the contract.
            policy: what decides; its distance is the one that was set, if any.
            follows: how the distance follows the number of users, if it does.

        Raises:
            SystemicError: the database does not take it.
        """
        with self.database.connection() as connection:
            step = follows.at(count_users(connection, model)) if follows else None
            decides = following_policy(policy, step) if step else policy
            values = {
                "model": model,
                "threshold": policy.threshold,
                "max_distance": decides.max_distance,
                "min_margin": policy.min_margin,
                "version": VERSION,
                "fixed_distance": policy.max_distance,
                "max_fpir": follows.max_fpir if follows else None,
                "lowest_far": follows.lowest_far if follows else None,
                "steps": list(follows.distances) if follows else None,
                "users": step.users if step else None,
                "gallery_required": policy.gallery_required,
            }
            return limits_in(connection.execute(query("note_limits"), values))

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

    def coming(self, model: str) -> NotedLimits | None:
        """What workers of this contract match by once they have seen who is enrolled now.

        Raises:
            SystemicError: the database does not say.
        """
        noted = self.of(model)
        if noted is None or noted.follows is None:
            return noted
        with self.database.connection() as connection:
            return noted.at(count_users(connection, model))

    def _one(self, name: str, values: dict[str, Any]) -> NotedLimits | None:
        with self.database.connection() as connection:
            return limits_in(connection.execute(query(name), values))


def asked_limits(connection: Connection, model: str) -> psycopg.Cursor[TupleRow]:
    """The same as :func:`limits_of`, not read yet: for :func:`limits_in`."""
    return connection.execute(query("limits_of"), {"model": model})


def policies(
    connection: Connection,
    noted: NotedLimits | None,
    policy: MatchPolicy,
    galleries: Collection[str | None],
) -> Policies:
    """What decides on faces of some galleries.

    A limit that follows the number of users follows that of the members in each.

    Args:
        connection: in the transaction that has read ``noted``.
        noted: what the workers match by.
        policy: what decides on faces without a gallery.
        galleries: those of the faces; ``None`` is none.
    """
    names = sorted({gallery for gallery in galleries if gallery is not None})
    if not names or noted is None or noted.follows is None:
        return Policies(policy)
    asked = {"model": noted.model, "galleries": names}
    rows = connection.execute(query("limits_in_galleries"), asked).fetchall()
    return Policies(
        policy,
        {gallery: noted.at(users).policy for gallery, users in rows},
        noted.at(0).policy,
    )


def locked(connection: Connection, model: str) -> NotedLimits | None:
    """What the workers of a contract match by; it stays until the transaction ends."""
    return limits_in(connection.execute(query("lock_limits"), {"model": model}))


def limits_of(connection: Connection, model: str) -> NotedLimits | None:
    """What the workers of a contract match by; ``None`` if none ever started.

    In a transaction that has entered by `enter_gate.sql`, an answer by it is an answer by the
    limits that hold: whoever changes them later matches that again.
    """
    return limits_in(asked_limits(connection, model))


def limits_in(rows: psycopg.Cursor[TupleRow]) -> NotedLimits | None:
    """What :func:`asked_limits` has found."""
    row = rows.fetchone()
    if row is None:
        return None
    model, threshold, max_distance, min_margin, version, noted_at, fixed, *following = row
    max_fpir, lowest_far, steps, users, gallery_required = following
    policy = MatchPolicy(threshold, max_distance, min_margin, gallery_required)
    follows = FollowingLimit(max_fpir, lowest_far, tuple(steps)) if steps else None
    return NotedLimits(model, policy, version, noted_at, fixed, follows, users)
