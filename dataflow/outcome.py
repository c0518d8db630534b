"""How a job can end: the reason codes and the values that carry them to the sink.

The codes are one vocabulary for the log, the metrics, the dead letter and the database. Adding one
is compatible; renaming one is not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Self
from uuid import UUID

from dataflow.errors import SolofaceError, Stopped
from dataflow.stages import Lap

if TYPE_CHECKING:
    from dataflow.job import Delivery, Job


class Outcome(StrEnum):
    """What became of a job."""

    MATCHED = "matched"
    SKIPPED = "skipped"
    REJECTED = "rejected"


class Reason(StrEnum):
    """Why it became that. Each reason belongs to exactly one :class:`Outcome`."""

    MATCHED = "matched"

    NOT_SINGLE_FACE_HINT = "not_single_face_hint"
    MISSING_IMAGE_REF = "missing_image_ref"
    PHOTO_NOT_FOUND = "photo_not_found"
    ALREADY_MATCHED = "already_matched"
    DUPLICATE_IN_FLIGHT = "duplicate_in_flight"
    NO_FACE = "no_face"
    MULTIPLE_FACES = "multiple_faces"
    NO_ENROLLED_USERS = "no_enrolled_users"
    NO_USER_WITHIN_DISTANCE = "no_user_within_distance"
    AMBIGUOUS = "ambiguous"
    LOW_QUALITY = "low_quality"

    MALFORMED_PAYLOAD = "malformed_payload"
    INVALID_IMAGE_REF = "invalid_image_ref"
    IMAGE_NOT_FOUND = "image_not_found"
    IMAGE_UNDECODABLE = "image_undecodable"
    IMAGE_TOO_LARGE = "image_too_large"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    WRITE_REJECTED = "write_rejected"

    @property
    def outcome(self) -> Outcome:
        """The outcome this reason belongs to."""
        if self is Reason.MATCHED:
            return Outcome.MATCHED
        return Outcome.REJECTED if self in _REJECTIONS else Outcome.SKIPPED


_REJECTIONS = frozenset(
    {
        Reason.MALFORMED_PAYLOAD,
        Reason.INVALID_IMAGE_REF,
        Reason.IMAGE_NOT_FOUND,
        Reason.IMAGE_UNDECODABLE,
        Reason.IMAGE_TOO_LARGE,
        Reason.ATTEMPTS_EXHAUSTED,
        Reason.WRITE_REJECTED,
    }
)


@dataclass(frozen=True, slots=True)
class Match:
    """The nearest enrolled user, and how near.

    ``distance`` is cosine distance in [0, 2]; ``within_threshold`` says whether it is at most the
    model's calibrated threshold, whatever ``match.max_distance`` made of it. ``margin`` is how much
    farther the second-best user is, ``None`` where there is no other.
    """

    user_id: UUID
    distance: float
    within_threshold: bool
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

    def after(self, laps: Iterable[Lap]) -> Self:
        """The same, with these laps behind it."""
        return replace(self, delivery=self.delivery.after(laps))


@dataclass(frozen=True, slots=True)
class Retry:
    """A job that must come back: the server is asked to redeliver it after ``delay_s`` seconds."""

    delivery: Delivery
    job: Job | None
    detail: str
    delay_s: float

    def after(self, laps: Iterable[Lap]) -> Self:
        """The same, with these laps behind it."""
        return replace(self, delivery=self.delivery.after(laps))


def sent_back(delivery: Delivery, job: Job | None, error: Exception, retry_delay_s: float) -> Retry:
    """The answer to a failure that is not the job's: come again, later each time.

    At once where only a stop stood in the way: another worker may take it.
    """
    if isinstance(error, Stopped):
        return Retry(delivery, job, str(error), 0)
    detail = (
        str(error) if isinstance(error, SolofaceError) else f"unexpected {type(error).__name__}"
    )
    return Retry(delivery, job, detail, retry_delay_s * delivery.attempt)
