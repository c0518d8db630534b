"""Publishing outcome events, each one confirmed by its stream."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from nats.errors import Error as NatsError

from connectors.jetstream.connection import Connection
from connectors.jetstream.explaining import why
from connectors.jetstream.jobs.confirming import CONFIRM_TIMEOUT_S, confirmed
from connectors.jetstream.jobs.settling import Settler
from dataflow.jobs.cloud_event import Told
from dataflow.jobs.errors import SystemicError
from dataflow.jobs.outcome import Ended
from dataflow.process.kind import Kind
from dataflow.process.reporting import PHOTOS
from dataflow.settings import NatsSettings


class Announcer:
    """Tells how jobs ended. Lives on the connection's loop."""

    def __init__(
        self,
        connection: Connection,
        settler: Settler,
        settings: NatsSettings,
        kind: Kind = PHOTOS,
    ) -> None:
        self._connection = connection
        self._settler = settler
        self._js = connection.jetstream()
        self._settings = settings
        self._kind = kind

    async def announce(self, items: Sequence[Ended], model: str) -> None:
        """Publish all events at once. Done again, it changes nothing: they keep their ids.

        Raises:
            SystemicError: the stream has not confirmed all of them.
        """
        if not self._connection.is_connected:
            raise SystemicError("NATS is away")  # at once: a drain has no time for many waits
        stream, now = self._settings.stream, datetime.now(UTC)
        events = [self._kind.tell(item, stream, model, now) for item in items]
        try:
            await asyncio.gather(*map(self._publish, events))
        except (NatsError, TimeoutError) as error:
            self._settler.in_vain()
            raise SystemicError(self._explained(error)) from error

    async def _publish(self, event: Told) -> None:
        settings = self._settings
        await confirmed(
            self._connection,
            lambda: self._js.publish(
                settings.settled_subject,
                event.data,
                timeout=CONFIRM_TIMEOUT_S,
                stream=settings.settled_stream,
                headers=event.headers,
            ),
        )
        self._kind.meters.events.inc()

    def _explained(self, error: Exception) -> str:
        settings = self._settings
        return (
            f"the stream {settings.settled_stream} does not confirm events: {why(error)}; is "
            f"it there, and may this login publish to {settings.settled_subject}? "
            "SOLOFACE_NATS__EVENTS=false does without"
        )
