"""Finding and overwriting the messages that name someone, on every stream of ours."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError

from connectors.jetstream.connection import connect
from dataflow.jobs.errors import SystemicError
from dataflow.settings import NatsSettings

_WINDOW = 64
_TIMEOUT_S = 5
_ABSENT = frozenset({10037, 10059})  # no message found, stream not found


def our_streams(settings: NatsSettings) -> list[str]:
    """The streams that the settings name: jobs, dead letters, and any further one."""
    fields = type(settings).model_fields
    names = [getattr(settings, field) for field in fields if f"_{field}".endswith("_stream")]
    return [name for name in dict.fromkeys(names) if name]


async def erase_messages(
    settings: NatsSettings, subject_id: UUID, *, dry_run: bool
) -> Mapping[str, int]:
    """Overwrite all messages whose payload or headers hold the id; returns how many by stream.

    Reads each stream once, as no index leads from an id to its messages. A stream that is not there
    holds nothing.

    Raises:
        ConfigurationError: the credentials are refused.
        SystemicError: JetStream does not answer, or does not let a message be removed.
    """
    connection = await connect(settings, "soloface erase")
    try:
        return {
            stream: await _Stream(connection, stream).erase(subject_id, dry_run=dry_run)
            for stream in our_streams(settings)
        }
    finally:
        await connection.close()


def names(text: bytes, subject_id: UUID) -> bool:
    """Whether the id stands there, in any of its spellings."""
    lower = text.lower()
    return str(subject_id).encode() in lower or subject_id.hex.encode() in lower


class _Stream:
    def __init__(self, connection: Client, name: str) -> None:
        self._connection = connection
        self._name = name

    async def erase(self, subject_id: UUID, *, dry_run: bool) -> int:
        info = await self._ask("INFO")
        if info is None:
            return 0
        state = info["state"]
        found = 0
        seq = max(1, state["first_seq"])
        while seq <= state["last_seq"]:
            # Each sequence is asked for its next message: where some are missing, the answers
            # repeat themselves, and nothing is passed over.
            window = range(seq, min(seq + _WINDOW, state["last_seq"] + 1))
            answers = await asyncio.gather(*map(self._next, window))
            messages = {number: text for number, text in answers if number}
            for number, text in sorted(messages.items()):
                if names(text, subject_id):
                    found += 1
                    if not dry_run:
                        await self._ask("MSG.DELETE", {"seq": number, "no_erase": False})
            seq = max(messages, default=state["last_seq"]) + 1
        return found

    async def _next(self, seq: int) -> tuple[int, bytes]:
        answer = await self._ask("MSG.GET", {"seq": seq, "next_by_subj": ">"})
        if answer is None:
            return 0, b""
        message = answer["message"]
        parts = (message.get("hdrs", ""), message.get("data", ""))
        return message["seq"], b"\n".join(map(base64.b64decode, parts))

    async def _ask(self, what: str, request: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401
        """Call JetStream's API; ``None`` if there is no such stream or message."""
        with _explained(self._name):
            reply = await self._connection.request(
                f"$JS.API.STREAM.{what}.{self._name}",
                orjson.dumps(request) if request else b"",
                timeout=_TIMEOUT_S,
            )
        answer = orjson.loads(reply.data)
        if error := answer.get("error"):
            if error.get("err_code") in _ABSENT:
                return None
            raise SystemicError(f"the stream {self._name}: {error.get('description')}")
        return answer


@contextmanager
def _explained(stream: str) -> Iterator[None]:
    try:
        yield
    except (NatsError, TimeoutError) as error:
        why = str(error) or type(error).__name__
        raise SystemicError(f"the stream {stream} does not answer: {why}") from error
