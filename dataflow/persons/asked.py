"""A request as far as its order and its repetition matter, and what can end it early."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias
from uuid import UUID

from dataflow.gallery.enrolment import Enrolment, Register
from dataflow.persons.event import PersonEvent
from dataflow.persons.order import Moment
from dataflow.persons.reason import PersonReason
from dataflow.persons.request import EnrolRequest, PersonRequest, moment_of

Tell: TypeAlias = Callable[[Enrolment], PersonEvent]


@dataclass(frozen=True, slots=True)
class Asked:
    """``key`` is what is done once for a user; ``enrols`` or else it withdraws.

    ``again`` says that it was done before, and was undone by an earlier request that came late.
    """

    user_id: UUID
    key: str
    moment: Moment
    enrols: bool
    consents: bool = False
    append: bool = False
    galleries: tuple[str, ...] | None = None
    by: str | None = None
    again: bool = False


def asked_by(request: PersonRequest) -> Asked:
    """What a request asks."""
    job, moment = request.job, moment_of(request.delivery)
    if not isinstance(job, EnrolRequest):
        return Asked(job.user_id, request.key, moment, enrols=False, by=job.by)
    galleries = None if job.galleries is None else tuple(dict.fromkeys(job.galleries))
    return Asked(
        job.user_id,
        request.key,
        moment,
        enrols=True,
        consents=job.consent is not None,
        append=job.append,
        galleries=galleries,
    )


class SettledBeforeError(Exception):
    """The request has ended before, by the same id."""

    def __init__(self, event: PersonEvent) -> None:
        super().__init__()
        self.event = event


class NotAnyMoreError(Exception):
    """The request is not to be done any more; ``reason`` says why."""

    def __init__(self, reason: PersonReason) -> None:
        super().__init__()
        self.reason = reason


class ChangedMeanwhileError(Exception):
    """Somebody else has enrolled the user since their photos on record were looked up."""


class People(Protocol):
    """What is known of the people. It waits for a database that is away.

    Each method may raise :class:`SettledBeforeError` and :class:`NotAnyMoreError`, and what a
    dependency that fails raises: ``TransientError``, ``Stopped``, ``DataError``.
    """

    def on_record(self, asked: Asked) -> tuple[Sequence[str], object]:
        """The photos that go with the request's own, in full; and the state they were seen in."""

    def register(self, asked: Asked, seen: object, tell: Tell) -> Register:
        """Where the user is enrolled; what ``tell`` makes of it is noted in the same breath.

        Its ``save`` raises :class:`ChangedMeanwhileError` if the state is not the one ``seen``.
        """

    def note(self, asked: Asked, event: PersonEvent) -> None:
        """Note how a request has ended."""

    def withdraw(self, asked: Asked) -> Sequence[PersonEvent]:
        """Erase all that is known of the user. Done again, it changes nothing.

        Returns what has to be done again, in order: by a later consent the user was enrolled while
        this withdrawal was late.
        """
