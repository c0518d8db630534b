"""Which of two requests about a user came first: an order that no redelivery changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

CLOCKS_AGREE = timedelta(minutes=1)
"""Messages whose times contradict their order by more than this are of two streams: one was made
again, and counts from 1."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a request was published, and its place in the stream; ``None`` for a command."""

    stream_seq: int | None
    at: datetime

    @property
    def name(self) -> str:
        """What a message is called by; with the time, as a stream made again counts from 1."""
        return f"{self.stream_seq}@{self.at.isoformat()}"

    def is_after(self, other: Moment | None) -> bool:
        """Whether it came later than another one. Nothing comes before everything."""
        if other is None:
            return True
        if self.stream_seq is None or other.stream_seq is None:
            return self.at > other.at
        apart = self.at - other.at
        if abs(apart) > CLOCKS_AGREE and (apart > timedelta()) != (
            self.stream_seq > other.stream_seq
        ):
            return apart > timedelta()
        return self.stream_seq > other.stream_seq


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a user when a request comes: what was done last of each kind, and when.

    ``withdrawn`` was the last withdrawal, ``in_force`` says whether it still holds, and ``agreed``
    was the first enrolment since by a consent of its own. ``replaced`` was the last enrolment since
    that put its photos in place of others.
    """

    replaced: Moment | None = None
    agreed: Moment | None = None
    withdrawn: Moment | None = None
    in_force: bool = False

    def refuses(self, moment: Moment, *, consents: bool) -> bool:
        """Whether the user does not want an enrolment that was asked for at that moment."""
        if self.withdrawn is None:
            return False
        if not moment.is_after(self.withdrawn):
            return True
        if consents:
            return False
        # Between a withdrawal and a consent nobody is enrolled, in whatever order the three came.
        return self.in_force or (self.agreed is not None and self.agreed.is_after(moment))

    def supersedes(self, moment: Moment) -> bool:
        """Whether a later enrolment has taken the place of one of that moment."""
        return self.replaced is not None and self.replaced.is_after(moment)
