"""How requests about people ended, and in which order those of a user came."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query
from dataflow.gallery.enrolment import Enrolment
from dataflow.persons.asked import (
    Asked,
    ChangedMeanwhileError,
    NotAnyMoreError,
    SettledBeforeError,
    Tell,
)
from dataflow.persons.event import USED, PersonEvent, body, read
from dataflow.persons.order import Moment, Standing
from dataflow.persons.reason import PersonOutcome, PersonReason

Enrolled: TypeAlias = tuple[datetime | None, datetime | None]
"""Since when a user has the vector, and since when the photos on record."""


def take_turn(connection: Connection, asked: Asked) -> None:
    """Wait for the user's other requests; theirs wait until this transaction ends."""
    values = {"user_id": asked.user_id}
    connection.execute(query("take_person_turn"), values)
    connection.execute(query("lock_person_turn"), values)


def look(connection: Connection, asked: Asked) -> tuple[Standing, Enrolled]:
    """How the user stands.

    Raises:
        SettledBeforeError: this very request has ended.
    """
    row = connection.execute(query("person_request"), _key(asked)).fetchone()
    if row:
        raise SettledBeforeError(read(row[0]))
    found = connection.execute(query("person_standing"), {"user_id": asked.user_id}).fetchone()
    replaced_seq, replaced_at, consented_seq, consented_at, withdrawn_seq, withdrawn_at, *rest = (
        found or [None] * 9
    )
    in_force, vector_since, photos_since = rest
    standing = Standing(
        _moment(replaced_seq, replaced_at),
        _moment(consented_seq, consented_at),
        _moment(withdrawn_seq, withdrawn_at),
        bool(in_force),
    )
    return standing, (vector_since, photos_since)


def require_wanted(asked: Asked, standing: Standing) -> None:
    """Check that an enrolment is still to be done.

    Raises:
        NotAnyMoreError: the user has withdrawn, or something later has taken its place.
    """
    if standing.refuses(asked.moment, consents=asked.consents):
        raise NotAnyMoreError(PersonReason.HAS_WITHDRAWN)
    if standing.supersedes(asked.moment):
        raise NotAnyMoreError(PersonReason.SUPERSEDED)


def photos_with(
    connection: Connection, asked: Asked, in_full: Callable[[str], str]
) -> Sequence[str]:
    """The photos on record that stay: all, or those that were added by later requests."""
    if asked.append:
        rows = connection.execute(query("photos_on_record"), {"user_id": asked.user_id})
        return [ref for (ref,) in rows]
    values = {"user_id": asked.user_id, "stream_seq": asked.moment.stream_seq}
    events = [read(event) for (event,) in connection.execute(query("appended_later"), values)]
    if not events:
        return []
    added = {
        in_full(photo.image_ref)
        for event in events
        for photo in event.photos
        if photo.reason == USED and not photo.on_record
    }
    on_record = connection.execute(query("photos_on_record"), {"user_id": asked.user_id})
    return [ref for (ref,) in on_record if ref in added]


def note(connection: Connection, asked: Asked, event: PersonEvent) -> None:
    """Note how a request ended. In a transaction that has the user's turn."""
    enrolled = event.outcome is PersonOutcome.ENROLLED
    values = {
        **_key(asked),
        "stream_seq": asked.moment.stream_seq,
        "appended": asked.append,
        "outcome": str(event.outcome),
        "event": body(event).decode(),
    }
    connection.execute(query("note_person_request"), values)
    if enrolled:
        turn = {
            "user_id": asked.user_id,
            "stream_seq": asked.moment.stream_seq,
            "at": asked.moment.at,
            "replaces": not asked.append,
            "consents": asked.consents,
        }
        connection.execute(query("note_person_turn"), turn)


@dataclass(frozen=True, slots=True)
class RequestAdmission:
    """Lets one request enrol its user, if nothing has changed since the state that was ``seen``."""

    asked: Asked
    seen: Enrolled
    tell: Tell

    def enter(self, connection: Connection) -> None:
        """Wait for the user's other requests."""
        take_turn(connection, self.asked)

    def admit(self, connection: Connection) -> None:
        """Under all locks.

        Raises:
            SettledBeforeError, NotAnyMoreError: it is not to be done.
            ChangedMeanwhileError: it is to be done again.
        """
        standing, enrolled = look(connection, self.asked)
        require_wanted(self.asked, standing)
        if enrolled != self.seen:
            raise ChangedMeanwhileError
        if standing.in_force:
            asked = {"user_ids": [self.asked.user_id]}
            connection.execute(query("lift_withdrawals"), asked)

    def stored(self, connection: Connection, enrolment: Enrolment) -> None:
        """Note what is told of it."""
        note(connection, self.asked, self.tell(enrolment))


def _key(asked: Asked) -> dict[str, object]:
    kind = "enrol" if asked.enrols else "withdraw"
    return {"user_id": asked.user_id, "kind": kind, "request": asked.key}


def _moment(stream_seq: int | None, at: datetime | None) -> Moment | None:
    return Moment(stream_seq, at) if at else None
