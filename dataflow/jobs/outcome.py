"""How a job can end: the values that carry its reason to the sink."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol, Self
from uuid import UUID

from dataflow.jobs.delivery import Delivery
from dataflow.jobs.errors import SolofaceError, Stopped
from dataflow.jobs.job import Job
from dataflow.jobs.reason import Outcome, Reason
from dataflow.jobs.stages import Lap


class Named(Protocol):
    """A job of any queue."""

    @property
    def names(self) -> Mapping[str, str | None]:
        """What it is called by in logs and traces."""


class Ended(Protocol):
    """A job of any queue whose outcome is known."""

    @property
    def delivery(self) -> Delivery:
        """The message that brought it."""

    @property
    def job(self) -> Named | None:
        """What the message said; ``None`` if it could not be read."""

    @property
    def outcome(self) -> str:
        """What became of it: a stable code."""

    @property
    def reason(self) -> str:
        """Why it became that: a stable code."""

    @property
    def detail(self) -> str:
        """The reason in words, for people."""

    @property
    def is_rejected(self) -> bool:
        """Whether it can never succeed, and becomes a dead letter."""

    def after(self, laps: Iterable[Lap]) -> Self:
        """The same, with these laps behind it."""


@dataclass(frozen=True, slots=True)
class Match:
    """The nearest enrolled user, and how near; or whom somebody has named.

    ``distance`` is cosine distance in [0, 2]; ``within_threshold`` says whether it is at most the
    model's calibrated threshold, whatever ``match.max_distance`` made of it. Both are ``None``
    where somebody named a user who has no vector. ``margin`` is how much farther the second-best
    user is, ``None`` where there is no other.
    """

    user_id: UUID
    distance: float | None
    within_threshold: bool | None
    margin: float | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """A job whose outcome is known; the sink records it and answers the server.

    ``job`` is ``None`` when the payload could not be read. ``repeated`` marks a redelivery of a job
    that was settled before its acknowledgement got through: its first outcome stands.
    """

    delivery: Delivery
    job: Job | None
    reason: Reason
    detail: str = ""
    match: Match | None = None
    repeated: bool = False

    @property
    def outcome(self) -> Outcome:
        """What became of the job."""
        return self.reason.outcome

    @property
    def is_rejected(self) -> bool:
        """Whether the job can never succeed, and becomes a dead letter."""
        return self.outcome is Outcome.REJECTED

    def after(self, laps: Iterable[Lap]) -> Self:
        """The same, with these laps behind it."""
        return replace(self, delivery=self.delivery.after(laps))


@dataclass(frozen=True, slots=True)
class Retry:
    """A job that must come back: the server is asked to redeliver it after ``delay_s`` seconds.

    ``harmless`` says that its image was not touched: this delivery casts no suspicion on it.
    """

    delivery: Delivery
    job: Named | None
    detail: str
    delay_s: float
    harmless: bool = False

    def after(self, laps: Iterable[Lap]) -> Self:
        """The same, with these laps behind it."""
        return replace(self, delivery=self.delivery.after(laps))


@dataclass(frozen=True, slots=True)
class Gone:
    """A job that left the stream while it was held: somebody else has settled it."""

    delivery: Delivery
    job: Named | None
    detail: str

    def after(self, laps: Iterable[Lap]) -> Self:
        """The same, with these laps behind it."""
        return replace(self, delivery=self.delivery.after(laps))


def sent_back(
    delivery: Delivery, job: Named | None, error: Exception, retry_delay_s: float
) -> Retry:
    """The answer to a failure that is not the job's: come again, later each time.

    At once where only a stop stood in the way: another worker may take it.
    """
    if isinstance(error, Stopped):
        return Retry(delivery, job, str(error), 0)
    detail = (
        str(error) if isinstance(error, SolofaceError) else f"unexpected {type(error).__name__}"
    )
    return Retry(delivery, job, detail, retry_delay_s * delivery.attempt)
