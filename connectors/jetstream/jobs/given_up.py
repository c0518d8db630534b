"""Jobs that the server gave up on, so that they end as dead letters like all others.

A consumer that the platform made may have a ``max_deliver`` of its own, above ours. A job that
reaches it (its worker died over the last delivery) is never delivered again, and only an advisory
tells of it. Nobody keeps advisories, so the worker also looks for such jobs, at its start and every
minute: on a work queue they are what the consumer has done with and the stream still holds. On a
stream that keeps settled jobs they cannot be told from those.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from dataclasses import dataclass

import orjson
import structlog
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.js.api import ConsumerInfo, RetentionPolicy
from nats.js.errors import APIError

from connectors.jetstream.connection import Connection
from connectors.jetstream.provision import Provision
from connectors.jetstream.stored import stored
from dataflow.jobs.delivery import Delivery
from dataflow.jobs.lane import Lane
from dataflow.process.trace import traceparent_of
from dataflow.settings import NatsSettings

log = structlog.get_logger()

ADVISORY = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES"
NOBODY_ASKS = ""
"""The ack token of a job that the server waits for no answer to."""
SETTLED_WITHIN_S = 2
"""So long after its ack a job may still be on a replicated work queue."""
SWEEP_EVERY_S = 60


@dataclass(slots=True)
class _Sweep:
    """How far one lane was looked through, and up to where its consumer has done with it."""

    swept: int
    floor: int


class GivenUp:
    """The jobs that the server gave up on, of all lanes. Lives on the connection's loop."""

    def __init__(self, connection: Connection, settings: NatsSettings) -> None:
        self._connection = connection
        self._js = connection.jetstream()
        self._settings = settings
        self._waiting: deque[tuple[int, int]] = deque()
        self._lock = asyncio.Lock()
        self._removes = False
        self._sweeps: dict[Lane, _Sweep] = {}
        self._sweep_at = math.inf

    async def listen(self, found: Provision) -> None:
        """Begin to hear advisories, one worker each, and to look for those that nobody heard."""
        for lane in found.lanes:
            durable = self._settings.durable_of(lane)
            subject = f"{ADVISORY}.{self._settings.stream}.{durable}"
            await self._connection.subscribe(subject, queue=durable, cb=self._hear)
        self.adapt(found)

    def adapt(self, found: Provision) -> None:
        """Begin from the beginning, with a stream and consumers that may be others than before."""
        self._removes = found.jobs.config.retention == RetentionPolicy.WORK_QUEUE
        self._sweeps = {lane: _Sweep(0, _floor(info)) for lane, info in found.lanes.items()}
        self._sweep_at = time.monotonic() + SETTLED_WITHIN_S if self._removes else math.inf

    async def next(self) -> Delivery | None:
        """One of them, for which there is no answer to send; to be told of it with `settled`."""
        async with self._lock:
            try:
                return await self._heard() or await self._sweep()
            except (NatsError, TimeoutError) as error:
                log.debug("given_up_unread", error=repr(error))
                return None

    def again(self, delivery: Delivery) -> None:
        """It could not be settled."""
        self._waiting.append((delivery.stream_seq, delivery.attempt))

    async def settled(self, delivery: Delivery) -> None:
        """Its letter is confirmed: take it off the work queue, where it would stay for ever.

        Raises:
            nats.errors.Error: the stream does not answer.
        """
        if not self._removes:
            return
        try:
            await self._js.delete_msg(self._settings.stream, delivery.stream_seq)
        except APIError as error:
            # Mostly because another worker was quicker, which the error does not tell.
            log.debug("given_up_not_removed", stream_seq=delivery.stream_seq, error=repr(error))

    async def _hear(self, message: Msg) -> None:
        try:
            advisory = orjson.loads(message.data)
            seq, attempt = int(advisory["stream_seq"]), int(advisory["deliveries"])
        except (ValueError, TypeError, KeyError):
            log.warning("not_an_advisory", subject=message.subject)
            return
        log.warning("server_gave_up", stream_seq=seq, deliveries=attempt)
        self._waiting.append((seq, attempt))

    async def _heard(self) -> Delivery | None:
        while self._waiting:
            found = await self._read(*self._waiting[0])
            self._waiting.popleft()
            if found:
                return found
        return None

    async def _sweep(self) -> Delivery | None:
        """The next job up to the floor of a while ago."""
        if time.monotonic() < self._sweep_at:
            return None
        for lane, sweep in self._sweeps.items():
            if sweep.swept < sweep.floor:
                found = await self._read(sweep.swept + 1, or_later=lane)
                if found and found.stream_seq <= sweep.floor:
                    sweep.swept = found.stream_seq
                    return found
                sweep.swept = sweep.floor
        self._sweep_at = time.monotonic() + SWEEP_EVERY_S
        settings = self._settings
        for lane, sweep in self._sweeps.items():
            durable = settings.durable_of(lane)
            sweep.floor = _floor(await self._js.consumer_info(settings.stream, durable))
        return None

    async def _read(
        self, seq: int, attempt: int = 0, *, or_later: Lane | None = None
    ) -> Delivery | None:
        settings = self._settings
        found = await stored(
            self._connection,
            settings.stream,
            seq,
            or_later=settings.any_subject_of(or_later) if or_later else None,
        )
        if found is None:
            return None  # somebody settled it
        return Delivery(
            payload=found.data,
            ack_token=NOBODY_ASKS,
            stream_seq=found.seq,
            # Never below our own limit: it must not be tried again.
            attempt=max(attempt, settings.max_deliver + 1),
            published_at=found.at,
            traceparent=traceparent_of(found.headers),
            lane=settings.lane_of(found.subject) or Lane.LIVE,
            subject=found.subject,
        )


def _floor(consumer: ConsumerInfo) -> int:
    """The sequence up to which the consumer has done with everything."""
    return (consumer.ack_floor and consumer.ack_floor.stream_seq) or 0
