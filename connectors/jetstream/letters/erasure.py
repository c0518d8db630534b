"""Finding and overwriting the messages that name someone, on every stream of ours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias
from uuid import UUID

from nats.js.errors import APIError, NotFoundError

from connectors.jetstream.connection import Connection, connect
from connectors.jetstream.explaining import explained
from connectors.jetstream.stored import ABSENT, Stored, ask, stored
from dataflow.settings import NatsSettings
from dataflow.tags.change import tells_the_end

Spares: TypeAlias = Callable[[str, Stored], bool]
"""Whether a message on a stream has to stay, although it names somebody."""

_WINDOW = 64


def our_streams(settings: NatsSettings) -> list[str]:
    """The streams that the settings name: jobs, dead letters, and any further one."""
    fields = type(settings).model_fields
    names = [getattr(settings, field) for field in fields if f"_{field}".endswith("_stream")]
    return [name for name in dict.fromkeys(names) if name]


async def erase_messages(
    settings: NatsSettings,
    subject_id: UUID,
    *,
    dry_run: bool,
    spares: Spares = lambda _stream, _message: False,
) -> Mapping[str, int]:
    """Overwrite all messages whose payload or headers hold the id; returns how many by stream.

    On the stream of tag changes those stay that tell the end of a tag; and anywhere what the caller
    ``spares``.

    Reads each stream once, as no index leads from an id to its messages. A stream that is not there
    holds nothing.

    Raises:
        ConfigurationError: the credentials are refused.
        SystemicError: JetStream does not answer, or does not let a message be removed.
    """
    connection = await connect(settings, "soloface erase")
    try:
        return {
            stream: await _Stream(
                connection, stream, partial(spares, stream), feed=stream == settings.tags_stream
            ).erase(subject_id, dry_run=dry_run)
            for stream in our_streams(settings)
        }
    finally:
        await connection.close()


def names(text: bytes, subject_id: UUID) -> bool:
    """Whether the id stands there, in any of its spellings."""
    lower = text.lower()
    return str(subject_id).encode() in lower or subject_id.hex.encode() in lower


class _Stream:
    def __init__(
        self, connection: Connection, name: str, spares: Callable[[Stored], bool], *, feed: bool
    ) -> None:
        self._spares = spares
        self._connection = connection
        self._name = name
        self._is_feed = feed

    async def erase(self, subject_id: UUID, *, dry_run: bool) -> int:
        state = await self._state()
        found, seq = 0, max(1, state["first_seq"])
        while seq <= state["last_seq"]:
            # Each sequence is asked for its next message: where some are missing, the answers
            # repeat themselves, and nothing is passed over.
            window = range(seq, min(seq + _WINDOW, state["last_seq"] + 1))
            answers = await asyncio.gather(*map(self._next, window))
            messages = {message.seq: message for message in answers if message}
            for number, message in sorted(messages.items()):
                if names(b"\n".join((message.block, message.data)), subject_id):
                    if self._is_feed and tells_the_end(message.data, subject_id):
                        continue
                    if self._spares(message):
                        continue
                    found += 1
                    if not dry_run:
                        await self._overwrite(number)
            seq = max(messages, default=state["last_seq"]) + 1
        return found

    async def _state(self) -> dict[str, int]:
        """The stream's; an empty one if there is no such stream."""
        with explained(f"the stream {self._name}"):
            try:
                state: dict[str, int] = (await ask(self._connection, f"STREAM.INFO.{self._name}"))[
                    "state"
                ]
            except NotFoundError:
                return {"first_seq": 1, "last_seq": 0}
        return state

    async def _next(self, seq: int) -> Stored | None:
        with explained(f"the stream {self._name}"):
            return await stored(self._connection, self._name, seq, or_later=">")

    async def _overwrite(self, seq: int) -> None:
        with explained(f"the stream {self._name}"):
            try:
                await ask(
                    self._connection,
                    f"STREAM.MSG.DELETE.{self._name}",
                    {"seq": seq, "no_erase": False},
                )
            except APIError as error:
                if error.err_code not in ABSENT:
                    raise
