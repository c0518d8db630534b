"""How requests about people ended, and in which order those of a user came."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import dropwhile
from typing import TypeAlias
from uuid import UUID

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
from dataflow.persons.event import PersonEvent, body, read
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
    if not asked.again:
        require_open(connection, asked)
    found = connection.execute(query("person_standing"), {"user_id": asked.user_id}).fetchone()
    replaced_seq, replaced_at, withdrawn_seq, withdrawn_at, in_force, *enrolled = (
        found or [None] * 7
    )
    withdrawn = _moment(withdrawn_seq, withdrawn_at)
    standing = Standing(
        _moment(replaced_seq, replaced_at),
        _agreed(connection, asked.user_id, withdrawn) if withdrawn else None,
        withdrawn,
        bool(in_force),
    )
    vector_since, photos_since = enrolled
    return standing, (vector_since, photos_since)


def require_open(connection: Connection, asked: Asked) -> None:
    """Check that a request has not ended.

    Raises:
        SettledBeforeError: it has.
    """
    key = {**_key(asked), "message": asked.moment.name}
    if row := connection.execute(query("person_request"), key).fetchone():
        raise SettledBeforeError(read(row[0]))


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
    rows = connection.execute(query("photos_on_record"), {"user_id": asked.user_id}).fetchall()
    on_record = [ref for (ref,) in rows]
    if asked.append or not on_record:
        return on_record
    added = {
        in_full(photo.image_ref)
        for event in enrolled_later(connection, asked)
        if event.append
        for photo in event.photos
        if not photo.on_record
    }
    return [ref for ref in on_record if ref in added]


def enrolled_later(connection: Connection, asked: Asked) -> list[PersonEvent]:
    """The later requests that have enrolled the user, in their order."""
    return _enrolled_after(connection, asked.user_id, asked.moment)


def agreed_later(connection: Connection, asked: Asked) -> list[PersonEvent]:
    """The same from the first on by which the user has agreed again."""
    return list(dropwhile(lambda event: not event.consent, enrolled_later(connection, asked)))


def note(connection: Connection, asked: Asked, event: PersonEvent) -> None:
    """Note how a request ended. In a transaction that has the user's turn."""
    values = {
        **_key(asked),
        "stream_seq": asked.moment.stream_seq,
        "outcome": str(event.outcome),
        "event": body(event).decode(),
    }
    connection.execute(query("note_person_request"), values)
    if event.outcome is PersonOutcome.ENROLLED and not asked.append:
        turn = {"stream_seq": asked.moment.stream_seq, "at": asked.moment.at}
        connection.execute(query("note_person_turn"), {"user_id": asked.user_id, **turn})


def bury(connection: Connection, asked: Asked, event: PersonEvent) -> None:
    """Note that a message was rejected by hand, so that whoever holds it does it no more.

    That ends the message alone: its dead letter may be replayed, under the same id of the
    publisher's.

    Raises:
        SettledBeforeError: the request has ended otherwise.
    """
    with connection.transaction():
        take_turn(connection, asked)
        try:
            require_open(connection, asked)
        except SettledBeforeError as error:
            if error.event.reason is not PersonReason.BURIED:
                raise
        note(connection, replace(asked, key=asked.moment.name), event)


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


def _enrolled_after(connection: Connection, user_id: UUID, moment: Moment) -> list[PersonEvent]:
    rows = connection.execute(query("enrolled_by_requests"), {"user_id": user_id}).fetchall()
    events = [read(event) for (event,) in rows]
    return [event for event in events if _asked_at(event).is_after(moment)]


def _agreed(connection: Connection, user_id: UUID, withdrawn: Moment) -> Moment | None:
    """By which request the user has agreed again, the first one since."""
    events = _enrolled_after(connection, user_id, withdrawn)
    return next((_asked_at(event) for event in events if event.consent), None)


def _asked_at(event: PersonEvent) -> Moment:
    return Moment(event.stream_seq, event.published_at)


def _key(asked: Asked) -> dict[str, object]:
    kind = "enrol" if asked.enrols else "withdraw"
    return {"user_id": asked.user_id, "kind": kind, "request": asked.key}


def _moment(stream_seq: int | None, at: datetime | None) -> Moment | None:
    return Moment(stream_seq, at) if at else None
