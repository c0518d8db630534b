"""Reading events as they come, from now or from an earlier time on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import orjson
import structlog
from nats.errors import Error as NatsError
from nats.js.api import StreamState
from nats.js.errors import NotFoundError

from connectors.jetstream.connection import Connection, connect
from connectors.jetstream.explaining import explained, why
from connectors.jetstream.stored import Stored, stored
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import PREFIX, NatsSettings

log = structlog.get_logger()

WINDOW = 32
"""Events asked for at a time."""
POLL_S = 0.25
AWAY_S = 1


@dataclass(frozen=True, slots=True)
class Told:
    """An event as the stream keeps it; ``data`` is whatever its body says, from any version."""

    seq: int
    at: datetime
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Feed:
    """A stream of events; ``variable`` names it, and ``switch`` says whether it is made at all."""

    stream: str
    subject: str
    variable: str
    switch: str

    @classmethod
    def outcomes(cls, settings: NatsSettings) -> Self:
        """How jobs end."""
        return cls(settings.settled_stream, settings.settled_subject, "SETTLED_STREAM", "EVENTS")

    @classmethod
    def people(cls, settings: NatsSettings) -> Self:
        """How requests about people end."""
        return cls(
            settings.people_settled_stream,
            settings.people_settled_subject,
            "PEOPLE_SETTLED_STREAM",
            "EVENTS",
        )

    @classmethod
    def tags(cls, settings: NatsSettings) -> Self:
        """How tags change."""
        return cls(settings.tags_stream, settings.tags_subject, "TAGS_STREAM", "TAGS")


class Events:
    """One of the streams of events."""

    def __init__(self, connection: Connection, feed: Feed) -> None:
        self._connection = connection
        self._js = connection.jetstream()
        self._feed = feed
        self._stream = feed.stream

    async def follow(self, since: datetime | None = None) -> AsyncGenerator[list[Told]]:
        """The events since then, by default from now on; for ever, a list at a time.

        There is a list several times a second, so it may be empty. While NATS is away there is
        none; afterwards nothing is missing. No consumer is made: there is none to clean up.

        Raises:
            ConfigurationError: there is no such stream (any more), or no JetStream.
            SystemicError: JetStream does not answer at the beginning.
        """
        with explained(f"the stream {self._stream} does not answer"):
            state = await self._state()
            seq = state.last_seq + 1 if since is None else await self._first_since(since, state)
        while True:
            try:
                last = (await self._state()).last_seq
                if seq > last + 1:
                    seq = 1  # the stream was made again, and counts again
                if seq > last:
                    yield []
                    await asyncio.sleep(POLL_S)
                    continue
                found = await self._window(seq, min(seq + WINDOW, last + 1))
            except (NatsError, TimeoutError) as error:
                log.warning("nats_away", error=why(error))
                await asyncio.sleep(AWAY_S)
                continue
            seq = max((told.seq for told in found), default=last) + 1
            yield found

    async def _window(self, first: int, end: int) -> list[Told]:
        # Each sequence is asked for its next event: where some are missing, answers repeat.
        messages = await asyncio.gather(*map(self._next, range(first, end)))
        found = {message.seq: message for message in messages if message}
        return [_told(found[seq]) for seq in sorted(found)]

    async def _first_since(self, since: datetime, state: StreamState) -> int:
        """The first sequence whose event is not older; events lie in the order of their times."""
        low, high = max(state.first_seq, 1), state.last_seq + 1
        while low < high:
            middle = (low + high) // 2
            message = await self._next(middle)
            if message and message.at < since:
                low = message.seq + 1
            else:
                high = middle
        return low

    async def _next(self, seq: int) -> Stored | None:
        return await stored(self._connection, self._stream, seq, or_later=self._feed.subject)

    async def _state(self) -> StreamState:
        try:
            return (await self._js.stream_info(self._stream)).state
        except NotFoundError:
            raise ConfigurationError(
                f"there is no stream {self._stream} ({PREFIX}NATS__{self._feed.variable}); "
                f"soloface doctor --fix makes it, unless {PREFIX}NATS__{self._feed.switch} is "
                "false"
            ) from None


def _told(message: Stored) -> Told:
    """Read a stored message; anybody who may publish there may have written it."""
    try:
        data = orjson.loads(message.data)
    except orjson.JSONDecodeError:
        data = None
    if not isinstance(data, dict):
        log.warning("not_an_event", seq=message.seq)
        data = {}
    return Told(message.seq, message.at, data)


@asynccontextmanager
async def events(settings: NatsSettings, feed: Feed) -> AsyncIterator[Events]:
    """Connect to a stream of events.

    Raises:
        ConfigurationError: the credentials are refused.
        SystemicError: no server answers.
    """
    connection = await connect(settings, "soloface watch")
    try:
        yield Events(connection, feed)
    finally:
        await connection.close()
