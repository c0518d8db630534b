"""What waits at the server, looked up every few seconds for the metrics and for readiness."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from math import nan

import structlog
from nats.errors import Error as NatsError
from nats.js.api import ConsumerInfo
from nats.js.errors import NotFoundError
from prometheus_client import Gauge

from connectors.jetstream.connection import Connection
from connectors.jetstream.stored import stored
from dataflow.jobs.errors import SolofaceError
from dataflow.jobs.lane import Lane
from dataflow.process.health import Health, Watch
from dataflow.process.meters import PHOTO_METERS, Meters
from dataflow.settings import NatsSettings

log = structlog.get_logger()

EVERY_S = 5


class Observer:
    """Keeps the gauges of the consumers, and notices when something is gone.

    Lives on the connection's loop.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - made once
        self,
        connection: Connection,
        settings: NatsSettings,
        restore: Callable[[], Awaitable[object]],
        health: Health,
        lanes: Sequence[Lane] = (Lane.LIVE,),
        meters: Meters = PHOTO_METERS,
    ) -> None:
        self._meters = meters
        self._lanes = lanes
        self._connection = connection
        self._js = connection.jetstream()
        self._settings = settings
        self._make_again = restore
        self._letters = health.watch("dead-letter stream")
        self._events = health.watch("event stream")
        # Jobs go on without it: the worker stays ready, and only says so.
        self._tags = Health().watch("tag stream")

    async def run(self) -> None:
        """Look again and again, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """Look once. What cannot be seen, for want of a right or an answer, is not a number."""
        for lane in self._lanes:
            of = self._meters.lane(lane)
            gauges = (of.pending, of.ack_pending, of.oldest_age, of.paused)
            await self._see(partial(self._consumer, lane), *gauges)
        await self._see(self._dead_letters, self._meters.dead_letters, watch=self._letters)
        if self._settings.events:
            await self._see(self._event_stream, watch=self._events)
        if self._settings.tags:
            await self._see(self._tag_stream, watch=self._tags)

    async def _see(
        self, what: Callable[[], Awaitable[None]], *gauges: Gauge, watch: Watch | None = None
    ) -> None:
        """Look at one thing; ``watch`` is told whether it is there."""
        try:
            await what()
        except (NatsError, TimeoutError) as error:
            log.debug("not_observed", error=repr(error))
            for gauge in gauges:
                gauge.set(nan)
            if watch and isinstance(error, NotFoundError):
                await self._restore(watch)
        else:
            if watch:
                watch.succeeded()

    async def _restore(self, watch: Watch) -> None:
        try:
            await self._make_again()
        except SolofaceError as error:
            watch.failed(str(error))
        else:
            watch.succeeded()

    async def _consumer(self, lane: Lane) -> None:
        settings = self._settings
        info: ConsumerInfo = await self._js.consumer_info(
            settings.stream, settings.durable_of(lane)
        )
        meters = self._meters.lane(lane)
        meters.pending.set(info.num_pending or 0)
        meters.ack_pending.set(info.num_ack_pending or 0)
        meters.paused.set(bool(info.paused))
        meters.oldest_age.set(await self._oldest_age_s(info, lane))

    async def _oldest_age_s(self, info: ConsumerInfo, lane: Lane) -> float:
        if not (info.num_pending or info.num_ack_pending):
            return 0
        settings = self._settings
        settled_up_to = info.ack_floor.stream_seq if info.ack_floor else 0
        oldest = await stored(
            self._connection,
            settings.stream,
            settled_up_to + 1,
            or_later=settings.any_subject_of(lane),
        )
        if oldest is None:
            return 0  # it was settled meanwhile
        return max(0.0, (datetime.now(UTC) - oldest.at).total_seconds())

    async def _dead_letters(self) -> None:
        info = await self._js.stream_info(self._settings.dead_stream)
        self._meters.dead_letters.set(info.state.messages)

    async def _event_stream(self) -> None:
        await self._js.stream_info(self._settings.settled_stream)

    async def _tag_stream(self) -> None:
        await self._js.stream_info(self._settings.tags_stream)
