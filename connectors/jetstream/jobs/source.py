"""The JetStream source: a bounded prefetch per worker that never blocks the dataflow."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeAlias

import structlog
from bytewax.inputs import DynamicSource, StatelessSourcePartition
from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from connectors.jetstream.client import JetStreamClient, SharedJetStream
from connectors.jetstream.jobs.given_up import NOBODY_ASKS
from connectors.jetstream.jobs.settling import nak
from connectors.jetstream.jobs.stall import StallWatch
from dataflow.jobs.delivery import Delivery
from dataflow.jobs.stages import waited
from dataflow.process.metrics import DELIVERIES, REDELIVERIES
from dataflow.process.trace import traceparent_of

log = structlog.get_logger()

PullSubscription: TypeAlias = JetStreamContext.PullSubscription

POLL_S = 0.5
"""How long one pull request waits at the server, and so how long a drain waits for it."""

IDLE_S = 0.01


class JetStreamSource(DynamicSource[Delivery]):
    """Delivers the jobs of a durable pull consumer, which any number of processes may share."""

    def __init__(
        self, shared: SharedJetStream, batch: int, stall_s: float, stop: threading.Event
    ) -> None:
        self._shared = shared
        self._batch = batch
        self._stall_s = stall_s
        self._stop = stop

    def build(self, step_id: str, worker_index: int, worker_count: int) -> JetStreamPartition:
        """Connect this worker."""
        del step_id, worker_index, worker_count
        return JetStreamPartition(self._shared, self._batch, self._stall_s, self._stop)


class JetStreamPartition(StatelessSourcePartition[Delivery]):
    """One worker's share of the jobs."""

    def __init__(
        self, shared: SharedJetStream, batch: int, stall_s: float, stop: threading.Event
    ) -> None:
        self._shared = shared
        self._batch = batch
        self._stop = stop
        client = shared.acquire()
        self._health = client.health
        self._fetcher = Fetcher(client, batch, stall_s)
        self._fetching = client.start(self._fetcher.run())
        self._awake: datetime | None = None

    def next_batch(self) -> list[Delivery]:
        """Hand over what has arrived.

        Raises:
            StopIteration: drained after a stop request.
        """
        self._health.tick()
        if self._stop.is_set():
            self._fetcher.stop()
            if self._fetching.done():
                raise StopIteration
            self._awake = datetime.now(UTC) + timedelta(seconds=IDLE_S)
            return []
        if self._fetching.done():
            self._fetching.result()
        deliveries = self._fetcher.take(self._batch)
        self._awake = None if deliveries else datetime.now(UTC) + timedelta(seconds=IDLE_S)
        return [delivery.after([waited(delivery.published_at)]) for delivery in deliveries]

    def next_awake(self) -> datetime | None:
        """When to be asked again: at once while jobs come in."""
        return self._awake

    def close(self) -> None:
        """Let go of the connection, handing back what was not begun."""
        self._fetcher.stop()
        # Raising here would abort the process and hide why it ends.
        for let_go in (partial(self._fetching.result, 4 * POLL_S), self._shared.release):
            try:
                let_go()
            except Exception as error:  # noqa: BLE001
                log.warning("source_closed_uncleanly", error=repr(error))


class Fetcher:
    """Pulls jobs ahead of their use, at most two batches of them."""

    def __init__(self, client: JetStreamClient, batch: int, stall_s: float) -> None:
        self._client = client
        self._consumer = client.health.watch("JetStream consumer")
        self._stall_s = stall_s
        self._depth = 2 * batch
        self._batch = batch
        self._queue: deque[Delivery] = deque()
        self._taken = asyncio.Event()
        self._stopping = False

    @property
    def stopping(self) -> bool:
        """Whether it was told to stop."""
        return self._stopping

    def stop(self) -> None:
        """Pull no more, and hand back what was not taken. Called by the worker's thread."""
        if not self._stopping:
            self._stopping = True
            self._client.call_soon(self._client.settler.drain)
            self._client.call_soon(self._taken.set)

    def take(self, most: int) -> list[Delivery]:
        """Up to ``most`` deliveries, without waiting. Called by the worker's thread."""
        taken = [self._queue.popleft() for _ in range(min(most, len(self._queue)))]
        if taken:
            self._client.call_soon(self._taken.set)
        elif suspect := self._client.isolation.next():
            return [suspect]
        return taken

    async def run(self) -> None:
        """Pull until told to stop, then hand back what nobody took."""
        client = self._client
        watch = StallWatch(client.js, client.settings, client.health, self._stall_s)
        subscription = await self._subscribe()
        while not self._stopping:
            self._taken.clear()
            room = self._depth - len(self._queue)
            if room < self._batch and self._queue:
                await self._taken.wait()  # few large pulls rather than many small ones
                watch.rest()
            elif (most := client.isolation.most(min(room, self._batch))) == 0:
                await asyncio.sleep(IDLE_S)
                watch.rest()
            elif given_up := await client.settler.given_up.next():
                self._queue.append(given_up)
            elif await self._pull(subscription, most):
                watch.moved()
            elif await watch.stalled():
                await self._unsubscribe(subscription)
                subscription = await self._subscribe()
        await self._hand_back([*self._queue, *client.isolation.clear()])
        await self._unsubscribe(subscription)

    async def _subscribe(self) -> PullSubscription:
        settings = self._client.settings
        return await self._client.js.pull_subscribe_bind(
            durable=settings.durable, stream=settings.stream
        )

    async def _pull(self, subscription: PullSubscription, batch: int) -> bool:
        """Ask for jobs once; returns whether any came."""
        try:
            # Never cancelled: messages it already holds would be lost until the ack wait is over.
            messages = await subscription.fetch(batch, timeout=POLL_S)
        except TimeoutError:
            self._consumer.succeeded()
            return False
        except ConnectionClosedError:
            raise  # for good: only a new process connects again
        except NatsError as error:
            self._consumer.failed(str(error) or type(error).__name__)
            await asyncio.sleep(POLL_S)
            return False
        self._consumer.succeeded()
        self._client.in_flight.add(message.reply for message in messages)
        deliveries = list(map(delivery_of, messages))
        DELIVERIES.inc(len(deliveries))
        REDELIVERIES.inc(sum(delivery.attempt > 1 for delivery in deliveries))
        passed, suspects = self._client.isolation.sort(deliveries)
        self._queue.extend(passed)
        if suspects:
            log.info("suspects_handed_back", count=len(suspects))
            await self._hand_back(suspects)
        return True

    async def _hand_back(self, deliveries: Sequence[Delivery]) -> None:
        """Let others have them; without an answer they come again after the ack wait."""
        for delivery in deliveries:
            self._client.in_flight.remove(delivery.ack_token)
        for delivery in deliveries:
            if delivery.ack_token == NOBODY_ASKS:
                continue  # whoever looks next finds it
            if not self._client.connection.is_connected:
                return
            try:
                await self._client.settler.answer(delivery.ack_token, nak(0))
            except (NatsError, TimeoutError) as error:
                log.warning("hand_back_failed", error=str(error) or type(error).__name__)
                return

    async def _unsubscribe(self, subscription: PullSubscription) -> None:
        try:
            await subscription.unsubscribe()
        except NatsError as error:
            log.debug("unsubscribe_failed", error=repr(error))


def delivery_of(message: Msg) -> Delivery:
    """A message as the core knows it."""
    metadata = message.metadata
    return Delivery(
        payload=message.data,
        ack_token=message.reply,
        stream_seq=metadata.sequence.stream,
        attempt=metadata.num_delivered,
        published_at=metadata.timestamp,
        traceparent=traceparent_of(message.headers),
    )
