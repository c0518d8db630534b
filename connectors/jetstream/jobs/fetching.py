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
from dataflow.jobs.lane import Lane
from dataflow.process.health import Health

log = structlog.get_logger()

IDLE_S = 0.01
_CONSUMERS = {Lane.LIVE: "JetStream consumer", Lane.BACKFILL: "backfill consumer"}


class Fetcher:
    """Pulls jobs ahead of their use: of the live lane at most two batches, first of all.

    Of the other lane, what `Room` leaves where ``busy`` jobs keep the process busy.
    """

    def __init__(self, client: JetStreamClient, batch: int, stall_s: float, busy: int) -> None:
        self._client = client
        # Live jobs go on without the other lane: the worker stays ready, and only says so.
        self._healths = {Lane.LIVE: client.health, Lane.BACKFILL: Health()}
        self._watches = {
            lane: health.watch(_CONSUMERS[lane]) for lane, health in self._healths.items()
        }
        self._stall_s = stall_s
        self._depth = 2 * batch
        self._batch = batch
        self._busy = busy
        self._queues: dict[Lane, deque[Delivery]] = {lane: deque() for lane in Lane}
        self._taken = asyncio.Event()
        self._asking = 0
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
        """Up to ``most`` deliveries, without waiting. Called by the worker's thread.

        Live ones come first, but one place is always the other lane's: what was pulled is never
        left lying.
        """
        live, backfill = self._queues[Lane.LIVE], self._queues[Lane.BACKFILL]
        others = min(len(backfill), max(1, most - len(live)))
        taken = _popped(live, most - others) + _popped(backfill, others)
        if taken:
            self._client.call_soon(self._taken.set)
        elif not self._asking and (suspect := self._client.isolation.next()):
            return [suspect]
        return taken

    async def run(self) -> None:
        """Pull until told to stop, then hand back what nobody took."""
        lanes = [asyncio.create_task(self._fetch(lane)) for lane in self._client.lanes]
        try:
            await asyncio.gather(*lanes)
        finally:
            for lane in lanes:
                lane.cancel()
        waiting = (delivery for queue in self._queues.values() for delivery in queue)
        await self._hand_back([*waiting, *self._client.isolation.clear()])

    async def _fetch(self, lane: Lane) -> None:
        client = self._client
        watch = StallWatch(client.js, client.settings, self._healths[lane], self._stall_s, lane)
        pull = Pull(client.connection, client.settings, lane)
        await pull.subscribe()
        while not self._stopping:
            if (most := await self._room(lane)) == 0:
                watch.rest()
            elif lane is Lane.LIVE and (given_up := await client.settler.given_up.next()):
                self._queues[given_up.lane].append(given_up)
            elif await self._pull(pull, lane, most):
                watch.moved()
            elif await watch.stalled():
                await self._unsubscribe(pull)
                await pull.subscribe()
        await self._unsubscribe(pull)

    async def _room(self, lane: Lane) -> int:
        """How many jobs to ask for now; waits a little where that is none."""
        if lane is Lane.LIVE:
            self._taken.clear()
            waiting = len(self._queues[lane])
            room = self._depth - waiting
            if room < self._batch and waiting:
                await self._taken.wait()  # few large pulls rather than many small ones
                return 0
        else:
            room = self._client.room.left(self._busy)
        most = self._client.isolation.most(min(room, self._batch)) if room else 0
        if most == 0:
            await asyncio.sleep(IDLE_S)
        return most

    async def _pull(self, pull: Pull, lane: Lane, batch: int) -> bool:
        """Ask for jobs once; returns whether any came."""
        self._asking += 1
        try:
            with self._client.room.asking(lane, batch):
                pulled = await pull.fetch(batch)
                if pulled.jobs:
                    await self._take_in(pulled.jobs, lane)
        except ConnectionClosedError:
            raise  # for good: only a new process connects again
        except NatsError as error:
            self._watches[lane].failed(why(error))
            await asyncio.sleep(POLL_S)
            return False
        finally:
            self._asking -= 1
        if pulled.refusal:
            await self._restore(pulled.refusal, lane)
        else:
            self._watches[lane].succeeded()
        return bool(pulled.jobs)

    async def _take_in(self, jobs: Sequence[Came], lane: Lane) -> None:
        self._client.in_flight.add(came.message.reply for came in jobs)
        self._client.upkeep.saw(max(came.token.stream_seq for came in jobs))
        self._client.room.came(lane, len(jobs))
        meters = self._client.kind.meters.lane(lane)
        meters.deliveries.inc(len(jobs))
        meters.redeliveries.inc(sum(came.token.attempt > 1 for came in jobs))
        read = [(came, self._read(came)) for came in jobs]
        await self._send_back([came for came, delivery in read if delivery is None])
        passed, suspects = self._client.isolation.sort([each for _, each in read if each])
        self._queues[lane].extend(passed)
        if suspects:
            log.info("suspects_handed_back", count=len(suspects))
            await self._hand_back(suspects)

    async def _restore(self, refusal: str, lane: Lane) -> None:
        """See to what the server lacks, and wait a little."""
        try:
            if not await self._client.upkeep.restore():
                self._watches[lane].failed(refusal)
        except SolofaceError as error:
            self._watches[lane].failed(str(error))
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


def _popped(queue: deque[Delivery], most: int) -> list[Delivery]:
    return [queue.popleft() for _ in range(min(most, len(queue)))]
