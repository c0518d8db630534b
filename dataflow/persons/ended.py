"""A request about a person whose outcome is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, Self
from uuid import UUID

from dataflow.jobs.delivery import Delivery
from dataflow.jobs.stages import Lap
from dataflow.persons.event import PersonEvent
from dataflow.persons.reason import PersonOutcome, PersonReason


class AboutUser(Protocol):
    """A request, as far as everybody has to know it."""

    @property
    def user_id(self) -> UUID:
        """Whom it is about."""

    @property
    def request_id(self) -> str | None:
        """The publisher's own id of it."""

    @property
    def names(self) -> Mapping[str, str | None]:
        """What it is called by in logs and traces."""


@dataclass(frozen=True, slots=True)
class PersonSettled:
    """How a request ended; ``event`` is what is told of it, once that is stored.

    ``job`` is ``None`` when the payload could not be read. ``repeated`` marks one that had ended
    before, whose event is told again.
    """

    delivery: Delivery
    job: AboutUser | None
    reason: PersonReason
    detail: str = ""
    event: PersonEvent | None = None
    repeated: bool = False

    @property
    def outcome(self) -> PersonOutcome:
        """What became of the request."""
        return self.reason.outcome

    @property
    def is_rejected(self) -> bool:
        """Whether it can never succeed, and becomes a dead letter."""
        return self.reason.is_rejection

    def after(self, laps: Iterable[Lap]) -> Self:
        """The same, with these laps behind it."""
        return replace(self, delivery=self.delivery.after(laps))


def event_of(item: PersonSettled, stream: str, model: str, settled_at: datetime) -> PersonEvent:
    """What is told of a request, but for what came of its photos."""
    job, delivery = item.job, item.delivery
    return PersonEvent(
        user_id=job.user_id if job else None,
        request_id=job.request_id if job else None,
        outcome=item.outcome,
        reason=item.reason,
        detail=item.detail,
        photos=[],
        clash=None,
        possibly_also=None,
        append=False,
        galleries=None,
        consent=None,
        by=None,
        model=model,
        stream=stream,
        stream_seq=delivery.stream_seq,
        deliveries=delivery.attempt,
        published_at=delivery.published_at,
        settled_at=settled_at,
    )
