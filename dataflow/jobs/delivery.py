"""One delivery of a message by JetStream, which somebody must vouch for until it is answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Self

from dataflow.jobs import custody
from dataflow.jobs.lane import Lane
from dataflow.jobs.stages import Lap

SUSPECT_FROM = 3
"""The delivery from which on a job is tried alone: it may be what killed or held up a process.

The second may have had many harmless reasons.
"""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery of a message by JetStream.

    ``ack_token`` is the reply subject: any connection may settle the message by publishing to it.
    ``attempt`` counts deliveries from 1. ``published_at`` is the server's time, with a zone.
    ``traceparent`` is the publisher's trace, if it named one; ``laps`` are what this delivery has
    behind it.

    To pickle one is to send it to another process, which from then on vouches for it.
    """

    payload: bytes
    ack_token: str
    stream_seq: int
    attempt: int
    published_at: datetime
    traceparent: str | None = None
    laps: tuple[Lap, ...] = field(default=(), compare=False)
    lane: Lane = Lane.LIVE
    subject: str = field(default="", compare=False)

    def after(self, laps: Iterable[Lap]) -> Self:
        """The same delivery, with these laps behind it."""
        return replace(self, laps=(*self.laps, *laps))

    def __reduce__(self) -> tuple[Callable[..., Delivery], tuple[object, ...]]:
        fields = (
            custody.left(self.ack_token),
            self.payload,
            self.ack_token,
            self.stream_seq,
            self.attempt,
            self.published_at,
            self.traceparent,
            self.laps,
            self.lane,
            self.subject,
        )
        return _arrived, fields


def _arrived(  # noqa: PLR0913, PLR0917 - a delivery's fields
    receipt: str,
    payload: bytes,
    ack_token: str,
    stream_seq: int,
    attempt: int,
    published_at: datetime,
    traceparent: str | None,
    laps: tuple[Lap, ...],
    lane: Lane,
    subject: str,
) -> Delivery:
    custody.arrived(ack_token, receipt)
    return Delivery(
        payload, ack_token, stream_seq, attempt, published_at, traceparent, laps, lane, subject
    )
