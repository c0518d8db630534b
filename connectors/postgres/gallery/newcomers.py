"""Enrolling somebody who must be new: their vector replaces nobody's."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query
from dataflow.gallery.enrolment import Enrolment
from dataflow.tags.refusal import Refusal, RefusedWordError


@dataclass(frozen=True, slots=True)
class NewcomersOnly:
    """The :class:`~connectors.postgres.gallery.enrolments.Admission` of one new user."""

    user_id: UUID

    def enter(self, connection: Connection) -> None:
        """It waits for nothing."""

    def admit(self, connection: Connection) -> None:
        """Refuse a user who is enrolled, or has withdrawn.

        Raises:
            RefusedWordError: ``already_enrolled`` or ``user_withdrawn``.
        """
        require_newcomer(connection, self.user_id)

    def stored(self, connection: Connection, enrolment: Enrolment) -> None:
        """Nothing more is to be noted."""


def require_newcomer(connection: Connection, user_id: UUID) -> None:
    """Refuse a user who is enrolled, or has withdrawn.

    Raises:
        RefusedWordError: ``already_enrolled`` or ``user_withdrawn``.
    """
    asked = {"user_id": user_id}
    enrolled, withdrawn = connection.execute(query("newcomer"), asked).fetchone() or (False, False)
    if withdrawn:
        raise RefusedWordError(
            Refusal.USER_WITHDRAWN,
            f"user {user_id} has withdrawn; once they have agreed again: soloface enroll --again",
        )
    if enrolled:
        raise RefusedWordError(
            Refusal.ALREADY_ENROLLED,
            f"user {user_id} is enrolled already; say that these photos show them instead",
        )
