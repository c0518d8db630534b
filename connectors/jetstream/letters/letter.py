"""A dead letter: what is written on it, and what it says when it is read back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

import orjson

from connectors.jetstream.stored import Stored
from dataflow.jobs.outcome import Ended
from dataflow.jobs.reason import Reason

HEADERS_BYTES = 4096
"""Room for a letter's headers; a payload that leaves less is cut, and never was a job."""
DETAIL_CHARACTERS = 1000
DATA, POISON = NATURES = ("data", "poison")

_NUMBER = re.compile(r"[0-9]{1,18}")
_CODE = re.compile(r"[a-z][a-z_]{0,63}")
_STREAM = re.compile(r"[^\s.*>/\\]{1,255}")


class Header(StrEnum):
    """What is written on a letter, in its headers."""

    REASON = "Soloface-Reason"
    NATURE = "Soloface-Nature"
    ERROR = "Soloface-Error"
    STREAM = "Soloface-Stream"
    STREAM_SEQ = "Soloface-Stream-Seq"
    SUBJECT = "Soloface-Subject"
    DELIVERIES = "Soloface-Deliveries"
    PUBLISHED_AT = "Soloface-Published-At"
    DIED_AT = "Soloface-Died-At"
    PAYLOAD_BYTES = "Soloface-Payload-Bytes"


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter as the stream keeps it; whatever its headers do not say is ``None``.

    ``died_at`` is the server's time when the headers have none. ``cut`` says that the payload is
    not whole; ``payload_bytes`` is then its full size. ``headers`` are all of them, as they came.
    """

    seq: int
    payload: bytes
    died_at: datetime
    reason: str | None
    nature: str | None
    error: str
    stream: str | None
    subject: str | None
    stream_seq: int | None
    deliveries: int | None
    published_at: datetime | None
    cut: bool
    payload_bytes: int | None
    headers: Mapping[str, str]

    @property
    def photo_id(self) -> UUID | None:
        """The job's photo, as far as the payload tells."""
        return self._id("photo_id")

    @property
    def user_id(self) -> UUID | None:
        """The user whom a request is about, as far as the payload tells."""
        return self._id("user_id")

    def _id(self, field: str) -> UUID | None:
        return id_in(self.payload, field)


def id_in(payload: bytes, field: str) -> UUID | None:
    """The id that a payload has in a field, if it has one: anybody may have written it."""
    try:
        return UUID(orjson.loads(payload)[field])
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return None


def header_value(text: str) -> str:
    """Text as NATS headers can carry it: one line of ASCII, not too long."""
    line = " ".join(text.split())[:DETAIL_CHARACTERS]
    return line.encode("ascii", "replace").decode()


def seal(item: Ended, stream: str, max_payload: int) -> tuple[bytes, dict[str, str]]:
    """A rejected job's letter: its payload, cut to what the server takes, and its headers."""
    delivery = item.delivery
    headers: dict[str, str] = {
        # Makes a repetition harmless. With the time: a stream that is made again counts again.
        "Nats-Msg-Id": f"{stream}:{delivery.stream_seq}:{delivery.published_at.timestamp():.6f}",
        Header.REASON: str(item.reason),
        Header.NATURE: POISON if item.reason == Reason.ATTEMPTS_EXHAUSTED else DATA,
        Header.ERROR: header_value(item.detail),
        Header.STREAM: stream,
        Header.STREAM_SEQ: str(delivery.stream_seq),
        Header.DELIVERIES: str(delivery.attempt),
        Header.PUBLISHED_AT: delivery.published_at.isoformat(),
        Header.DIED_AT: datetime.now(UTC).isoformat(),
    }
    if delivery.subject:
        headers[Header.SUBJECT] = header_value(delivery.subject)
    if delivery.traceparent:
        headers["traceparent"] = delivery.traceparent
    # The server hangs up for good on a message whose headers make it larger than it allows.
    most = max_payload - HEADERS_BYTES
    if len(delivery.payload) > most:
        headers[Header.PAYLOAD_BYTES] = str(len(delivery.payload))
    return delivery.payload[:most], headers


def letter_of(message: Stored) -> Letter:
    """Read a stored message; anybody may have written it, so nothing in it is relied on."""
    headers = message.headers
    return Letter(
        seq=message.seq,
        payload=message.data,
        died_at=_time(headers.get(Header.DIED_AT)) or message.at,
        reason=_matching(_CODE, headers.get(Header.REASON)),
        nature=_matching(_CODE, headers.get(Header.NATURE)),
        error=headers.get(Header.ERROR, ""),
        stream=_matching(_STREAM, headers.get(Header.STREAM)),
        subject=headers.get(Header.SUBJECT),
        stream_seq=_number(headers.get(Header.STREAM_SEQ)),
        deliveries=_number(headers.get(Header.DELIVERIES)),
        published_at=_time(headers.get(Header.PUBLISHED_AT)),
        cut=Header.PAYLOAD_BYTES in headers,
        payload_bytes=_number(headers.get(Header.PAYLOAD_BYTES)),
        headers=headers,
    )


def _matching(pattern: re.Pattern[str], text: str | None) -> str | None:
    return text if text and pattern.fullmatch(text) else None


def _number(text: str | None) -> int | None:
    return int(text) if _matching(_NUMBER, text) and text else None


def _time(text: str | None) -> datetime | None:
    try:
        time = datetime.fromisoformat(text or "")
        return time.astimezone(UTC) if time.tzinfo else None
    except (ValueError, OverflowError):
        return None
