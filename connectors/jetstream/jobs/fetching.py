"""Pulling jobs ahead of their use. No job that a publisher can write ends it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import structlog
from nats.errors import ConnectionClosedError
from nats.errors import Error as NatsError

from connectors.jetstream.client import JetStreamClient
from connectors.jetstream.explaining import why
from connectors.jetstream.jobs.came import Came, delivery_of, plain
from connectors.jetstream.jobs.given_up import NOBODY_ASKS
from connectors.jetstream.jobs.pulling import POLL_S, Pull
from connectors.jetstream.jobs.settling import nak
from connectors.jetstream.jobs.stall import StallWatch
from dataflow.jobs.delivery import Delivery
from dataflow.jobs.errors import SolofaceError

log = structlog.get_logger()

IDLE_S = 0.01


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
        pull = Pull(client.connection, client.settings)
        await pull.subscribe()
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
            elif await self._pull(pull, most):
                watch.moved()
            elif await watch.stalled():
                await self._unsubscribe(pull)
                await pull.subscribe()
        await self._hand_back([*self._queue, *client.isolation.clear()])
        await self._unsubscribe(pull)

    async def _pull(self, pull: Pull, batch: int) -> bool:
        """Ask for jobs once; returns whether any came."""
        try:
            pulled = await pull.fetch(batch)
        except ConnectionClosedError:
            raise  # for good: only a new process connects again
        except NatsError as error:
            self._consumer.failed(why(error))
            await asyncio.sleep(POLL_S)
            return False
        if pulled.jobs:
            await self._take_in(pulled.jobs)
        if pulled.refusal:
            await self._restore(pulled.refusal)
        else:
            self._consumer.succeeded()
        return bool(pulled.jobs)

    async def _take_in(self, jobs: Sequence[Came]) -> None:
        self._client.in_flight.add(came.message.reply for came in jobs)
        self._client.upkeep.saw(max(came.token.stream_seq for came in jobs))
        meters = self._client.kind.meters
        meters.deliveries.inc(len(jobs))
        meters.redeliveries.inc(sum(came.token.attempt > 1 for came in jobs))
        read = [(came, self._read(came)) for came in jobs]
        await self._send_back([came for came, delivery in read if delivery is None])
        passed, suspects = self._client.isolation.sort([each for _, each in read if each])
        self._queue.extend(passed)
        if suspects:
            log.info("suspects_handed_back", count=len(suspects))
            await self._hand_back(suspects)

    async def _restore(self, refusal: str) -> None:
        """See to what the server lacks, and wait a little."""
        try:
            if not await self._client.upkeep.restore():
                self._consumer.failed(refusal)
        except SolofaceError as error:
            self._consumer.failed(str(error))
        await asyncio.sleep(POLL_S)

    def _read(self, came: Came) -> Delivery | None:
        """What to make of a job; ``None`` if that fails, which no job should be able to cause.

        It is then tried again like any job that fails, and given up like any.
        """
        try:
            return delivery_of(came)
        except Exception as error:
            token = came.token
            log.exception("delivery_unread", stream_seq=token.stream_seq, error=repr(error))
            if token.attempt <= self._client.settings.max_deliver:
                return None
            return plain(came)

    async def _send_back(self, unread: Sequence[Came]) -> None:
        delay_s = self._client.settings.retry_delay_s
        for came in unread:
            try:
                await self._client.settler.answer(
                    came.message.reply, nak(delay_s * came.token.attempt)
                )
            except (NatsError, TimeoutError) as error:
                log.warning("hand_back_failed", error=why(error))

    async def _hand_back(self, deliveries: Sequence[Delivery]) -> None:
        """Let others have them; without an answer they come again after the ack wait."""
        for delivery in deliveries:
            self._client.in_flight.remove(delivery.ack_token)
        for delivery in deliveries:
            if delivery.ack_token == NOBODY_ASKS:
                continue  # the next look finds it
            if not self._client.connection.is_connected:
                return
            try:
                await self._client.settler.answer(delivery.ack_token, nak(0))
            except (NatsError, TimeoutError) as error:
                log.warning("hand_back_failed", error=why(error))
                return

    @staticmethod
    async def _unsubscribe(pull: Pull) -> None:
        try:
            await pull.unsubscribe()
        except NatsError as error:
            log.debug("unsubscribe_failed", error=repr(error))
