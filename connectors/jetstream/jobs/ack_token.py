"""What the server says of a delivery, in the subject to which the answer goes.

Only the server sets that subject, so it alone tells a job from everything else that may come. See
https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-15.md
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

PREFIX = "$JS.ACK."
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLAIN = 7
"""Stream, consumer, deliveries, two sequences, time, pending."""
_WITH_DOMAIN = 9
"""Those after the domain and the account's hash; a random token may follow."""
_MOST_DIGITS = 19


@dataclass(frozen=True, slots=True)
class AckToken:
    """A delivery's place in its stream, how often it was tried, and when it was published."""

    stream_seq: int
    attempt: int
    published_at: datetime


def read(reply: str) -> AckToken | None:
    """Read a reply subject; ``None`` if it is not the server's for a delivery."""
    if not reply.startswith(PREFIX):
        return None
    parts = reply.removeprefix(PREFIX).split(".")
    if len(parts) >= _WITH_DOMAIN:
        parts = parts[2:_WITH_DOMAIN]
    numbers = parts[2:]
    if len(parts) != _PLAIN or not all(map(_is_number, numbers)):
        return None
    attempt, stream_seq, _, published_ns, _ = map(int, numbers)
    return AckToken(stream_seq, attempt, _EPOCH + timedelta(microseconds=published_ns // 1000))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
