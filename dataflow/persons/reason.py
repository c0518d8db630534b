"""How a request about a person can end: one vocabulary for log, metrics, events and letters.

Adding a code is compatible; renaming one is not.
"""

from __future__ import annotations

from enum import StrEnum


class PersonOutcome(StrEnum):
    """What became of a request."""

    ENROLLED = "enrolled"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class PersonReason(StrEnum):
    """Why it became that. Each reason belongs to exactly one :class:`PersonOutcome`."""

    ENROLLED = "enrolled"
    UNCHANGED = "unchanged"

    NO_USABLE_PHOTO = "no_usable_photo"
    CLASHES = "clashes_with_user"
    UNKNOWN_USER = "unknown_user"
    HAS_WITHDRAWN = "has_withdrawn"
    SUPERSEDED = "superseded"
    MALFORMED_PAYLOAD = "malformed_payload"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    WRITE_REJECTED = "write_rejected"
    BURIED = "buried"

    ERASED = "erased"

    @property
    def outcome(self) -> PersonOutcome:
        """The outcome this reason belongs to."""
        if self in _ENROLMENTS:
            return PersonOutcome.ENROLLED
        return PersonOutcome.WITHDRAWN if self is PersonReason.ERASED else PersonOutcome.REFUSED

    @property
    def is_rejection(self) -> bool:
        """Whether the request can never succeed as it is, and becomes a dead letter."""
        return self in _REJECTIONS


_ENROLMENTS = frozenset({PersonReason.ENROLLED, PersonReason.UNCHANGED})
_REJECTIONS = frozenset(
    {
        PersonReason.MALFORMED_PAYLOAD,
        PersonReason.ATTEMPTS_EXHAUSTED,
        PersonReason.WRITE_REJECTED,
        PersonReason.BURIED,
    }
)
