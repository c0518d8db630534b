"""The JetStream source: a bounded prefetch per worker that never blocks the dataflow."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from bytewax.inputs import DynamicSource, StatelessSourcePartition

from connectors.jetstream.client import SharedJetStream
from connectors.jetstream.jobs.fetching import IDLE_S, Fetcher
from connectors.jetstream.jobs.pulling import POLL_S
from dataflow.jobs.delivery import Delivery
from dataflow.jobs.stages import waited

log = structlog.get_logger()


class JetStreamSource(DynamicSource[Delivery]):
    """Delivers the jobs of durable pull consumers, which any number of processes may share.

    Of jobs that can wait a process takes on no more than keep it busy, which ``busy`` jobs do.
    """

    def __init__(
        self, shared: SharedJetStream, batch: int, stall_s: float, busy: int, stop: threading.Event
    ) -> None:
        self._shared = shared
        self._batch = batch
        self._stall_s = stall_s
        self._busy = busy
        self._stop = stop

    def build(self, step_id: str, worker_index: int, worker_count: int) -> JetStreamPartition:
        """Connect this worker."""
        del step_id, worker_index, worker_count
        return JetStreamPartition(self._shared, self._batch, self._stall_s, self._busy, self._stop)


class JetStreamPartition(StatelessSourcePartition[Delivery]):
    """One worker's share of the jobs."""

    def __init__(
        self, shared: SharedJetStream, batch: int, stall_s: float, busy: int, stop: threading.Event
    ) -> None:
        self._shared = shared
        self._batch = batch
        self._stop = stop
        client = shared.acquire()
        self._health = client.health
        self._fetcher = Fetcher(client, batch, stall_s, busy)
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
