"""Messages as a stream keeps them, read by JetStream's own interface.

nats-py reads their headers as an e-mail's, which what a publisher wrote may upset.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from nats.js.errors import APIError

from connectors.jetstream.connection import Connection
from connectors.jetstream.headers import Headers, parse

TIMEOUT_S = 5
ABSENT = frozenset({10037, 10059})
"""The server's codes for: no such message, no such stream."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A message on a stream; ``at`` is when it was stored, ``block`` its headers as they came."""

    seq: int
    data: bytes
    at: datetime
    block: bytes = b""
    subject: str = ""

    @property
    def headers(self) -> Headers:
        """The headers as far as they are any."""
        return parse(self.block) or {}


async def ask(
    connection: Connection, what: str, request: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Call JetStream's interface, such as ``STREAM.INFO.JOBS``.

    Raises:
        nats.js.errors.APIError: the answer is a refusal.
        nats.errors.Error, TimeoutError: there is no answer.
    """
    reply = await connection.request(
        f"{connection.api_prefix}.{what}",
        orjson.dumps(request) if request else b"",
        timeout=TIMEOUT_S,
    )
    answer: dict[str, Any] = orjson.loads(reply.data)
    if error := answer.get("error"):
        raise APIError.from_error(error)
    return answer


async def stored(
    connection: Connection, stream: str, seq: int, *, or_later: str | None = None
) -> Stored | None:
    """The message with this sequence, ``None`` if there is none.

    ``or_later`` is a subject: then it is the first message with that subject from there on.

    Raises:
        nats.errors.Error, TimeoutError: see `ask`.
    """
    request: dict[str, Any] = {"seq": seq}
    if or_later is not None:
        request["next_by_subj"] = or_later
    try:
        message = (await ask(connection, f"STREAM.MSG.GET.{stream}", request))["message"]
    except APIError as error:
        if error.err_code in ABSENT:
            return None
        raise
    return Stored(
        seq=message["seq"],
        data=base64.b64decode(message.get("data", "")),
        at=_time(message["time"]),
        block=base64.b64decode(message.get("hdrs", "")),
        subject=message.get("subject", ""),
    )


def _time(text: str) -> datetime:
    """The server writes nanoseconds, or fewer digits."""
    return datetime.fromisoformat(text).astimezone(UTC)
