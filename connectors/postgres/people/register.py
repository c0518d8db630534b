"""The people as the database knows them, for requests that come by messages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar, cast

from connectors.postgres.connection import Database
from connectors.postgres.gallery.enrolments import EnrolmentRegister
from connectors.postgres.gallery.memory import GalleryMemory
from connectors.postgres.people.requests import (
    Enrolled,
    RequestAdmission,
    agreed_later,
    look,
    note,
    photos_with,
    require_open,
    require_wanted,
    take_turn,
)
from connectors.postgres.photos.erasure import erase
from connectors.postgres.session import Connection
from dataflow.gallery.enrolment import Register
from dataflow.jobs.errors import ConfigurationError, SystemicError
from dataflow.jobs.image_ref import RefPolicy
from dataflow.persons.asked import Asked, Tell
from dataflow.persons.event import PersonEvent
from dataflow.persons.photos import in_full
from dataflow.process.lazy import Lazy
from dataflow.process.retry import Persistence

T = TypeVar("T")

BY_MESSAGE = "message"
"""Stands for who enrolled somebody by a message."""


@dataclass(frozen=True, slots=True)
class PeopleRegister:
    """The :class:`~dataflow.persons.asked.People` of one contract.

    ``forget`` is told the references of photos that no enrolment has any more. ``elsewhere`` erases
    what the database does not have of a user who has withdrawn; done again it changes nothing.
    ``memory`` is where the users are searched, if it holds them.
    """

    database: Database
    persistence: Persistence
    model: Callable[[], str]
    refs: RefPolicy
    elsewhere: Callable[[Asked], None]
    forget: Callable[[Sequence[str]], None] = field(default=lambda _refs: None)
    memory: Lazy[GalleryMemory] | None = None

    def on_record(self, asked: Asked) -> tuple[Sequence[str], Enrolled]:
        """The photos that go with the request's own, in full; and the state they were seen in."""

        def seen(connection: Connection) -> tuple[Sequence[str], Enrolled]:
            with connection.transaction():
                take_turn(connection, asked)
                standing, enrolled = look(connection, asked)
                require_wanted(asked, standing)
                return photos_with(connection, asked, self._full), enrolled

        return self._ask(seen)

    def register(self, asked: Asked, seen: object, tell: Tell) -> Register:
        """Where the user is enrolled, with what is told of it."""
        return EnrolmentRegister(
            self.database,
            self.model(),
            BY_MESSAGE,
            self.forget,
            admission=RequestAdmission(asked, cast("Enrolled", seen), tell),
            asking=self._hold,
            memory=self.memory() if self.memory else None,
        )

    def note(self, asked: Asked, event: PersonEvent) -> None:
        """Note how a request has ended."""

        def noted(connection: Connection) -> None:
            with connection.transaction():
                take_turn(connection, asked)
                require_open(connection, asked)
                note(connection, asked, event)

        self._ask(noted)

    def withdraw(self, asked: Asked) -> Sequence[PersonEvent]:
        """Erase all that is known of the user. From the first step on nobody enrols them."""

        def erased(connection: Connection) -> Sequence[PersonEvent]:
            with connection.transaction():
                take_turn(connection, asked)
                look(connection, asked)
                later = agreed_later(connection, asked)
                erase(
                    connection,
                    "user",
                    asked.user_id,
                    row=False,
                    dry_run=False,
                    by=asked.by,
                    is_known=True,
                    moment=asked.moment,
                )
                return later

        later = self._ask(erased)
        self.elsewhere(asked)
        return later

    def _full(self, ref: str) -> str:
        return in_full(ref, self.refs)

    def _ask(self, work: Callable[[Connection], T]) -> T:
        def once() -> T:
            with self.database.connection() as connection:
                return work(connection)

        return self._hold(once)

    def _hold(self, operation: Callable[[], T]) -> T:
        """Ask the database, and wait for one that is away or was moved to another model."""
        return self.persistence.call(partial(_systemic, operation), "PostgreSQL")


def _systemic(operation: Callable[[], T]) -> T:
    """What would keep us from starting keeps us waiting, now that we run."""
    try:
        return operation()
    except ConfigurationError as error:
        raise SystemicError(str(error)) from error
