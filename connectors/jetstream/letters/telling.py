"""Telling changes of tags, all of a wave at once and each one confirmed by its stream."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TypeAlias

from nats.errors import Error as NatsError
from nats.js.errors import NoStreamResponseError

from connectors.jetstream.connection import Connection, LostError
from connectors.jetstream.explaining import why
from connectors.jetstream.jobs.confirming import CONFIRM_TIMEOUT_S
from connectors.jetstream.letters.wave import Message, publish_all
from dataflow.jobs.errors import SolofaceError, SystemicError
from dataflow.process.metrics import TAGS_CHANGED
from dataflow.settings import NatsSettings
from dataflow.tags.change import TagChange, body, headers

Restore: TypeAlias = Callable[[], Awaitable[object]]


class Teller:
    """Tells changes of tags. Lives on the connection's loop."""

    def __init__(
        self, connection: Connection, settings: NatsSettings, restore: Restore | None = None
    ) -> None:
        """``restore`` makes a stream again that is gone, if it may."""
        self._connection = connection
        self._settings = settings
        self._make_again = restore

    async def tell(self, changes: Sequence[TagChange]) -> None:
        """Publish all of them. Done again within ten minutes, it changes nothing.

        Raises:
            SystemicError: the stream has not confirmed all of them.
        """
        if not self._connection.is_connected:
            raise SystemicError("NATS is away")  # what it would send later might overtake
        settings = self._settings
        stream = settings.tags_stream
        messages = [Message(body(change), headers(change, stream)) for change in changes]
        deadline = asyncio.get_running_loop().time() + CONFIRM_TIMEOUT_S
        try:
            async with self._connection.while_there(deadline):
                await publish_all(self._connection, settings.tags_subject, stream, messages)
        except LostError:
            raise SystemicError("NATS is away") from None
        except (NatsError, TimeoutError) as error:
            if isinstance(error, NoStreamResponseError):
                await self._restore()
            raise SystemicError(
                f"the stream {stream} does not confirm changes of tags: {why(error)}; is it "
                f"there, and may this login publish to {settings.tags_subject}? "
                "SOLOFACE_NATS__TAGS=false does without"
            ) from error
        for change in changes:
            TAGS_CHANGED.labels(change.change, change.cause).inc()

    async def _restore(self) -> None:
        if self._make_again:
            with suppress(SolofaceError):  # whoever observes the streams says so
                await self._make_again()
