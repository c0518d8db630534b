"""One worker's source, with a client whose fetching goes as a test wants."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from nats.errors import ConnectionClosedError
from structlog.testing import capture_logs

from connectors.jetstream.client import SharedJetStream
from connectors.jetstream.jobs.heartbeat import InFlight
from connectors.jetstream.jobs.isolation import Isolation
from connectors.jetstream.jobs.pulling import Pull
from connectors.jetstream.jobs.room import Room
from connectors.jetstream.jobs.source import JetStreamPartition
from dataflow.jobs.lane import Lane
from dataflow.process.health import Health
from tests.builders import delivery

BATCH = 4
STALL_S = 60


@dataclass
class FakeShared:
    """Stands for the shared client and its client; ``fetching`` ends when the test says."""

    fetching: Future[None] = field(default_factory=Future)
    on_release: Exception | None = None
    released: int = 0
    health: Health = field(default_factory=Health)
    isolation: Isolation = field(default_factory=lambda: Isolation(set(), max_deliver=8))
    drains: int = 0
    room: Room = field(default_factory=lambda: Room(cast("InFlight", ()), "backfill", 0.05))

    @property
    def settler(self) -> FakeShared:
        return self

    def drain(self) -> None:
        self.drains += 1

    def acquire(self) -> FakeShared:
        return self

    def release(self) -> None:
        self.released += 1
        if self.on_release:
            raise self.on_release

    def call_soon(self, call: Callable[[], object]) -> None:
        call()

    def start(self, work: Coroutine[Any, Any, None]) -> Future[None]:
        work.close()
        return self.fetching


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


@pytest.fixture
def shared() -> FakeShared:
    return FakeShared()


@pytest.fixture
def partition(shared: FakeShared, stop: threading.Event) -> JetStreamPartition:
    return JetStreamPartition(cast("SharedJetStream", shared), BATCH, STALL_S, BATCH, stop)


def test_what_has_arrived_is_handed_over_in_order_and_in_batches(
    partition: JetStreamPartition,
) -> None:
    arrived = [delivery(seq=seq) for seq in range(1, 7)]
    partition._fetcher._queues[Lane.LIVE].extend(arrived)
    assert partition.next_batch() == arrived[:BATCH]
    assert partition.next_awake() is None
    assert partition.next_batch() == arrived[BATCH:]


def test_an_idle_source_is_asked_again_soon_but_not_at_once(partition: JetStreamPartition) -> None:
    assert partition.next_batch() == []
    awake = partition.next_awake()
    assert awake
    assert 0 < (awake - datetime.now(UTC)).total_seconds() < 0.1


def test_a_stop_request_ends_the_source_once_nothing_is_fetched_any_more(
    partition: JetStreamPartition, shared: FakeShared, stop: threading.Event
) -> None:
    partition._fetcher._queues[Lane.LIVE].append(delivery())
    stop.set()
    assert partition.next_batch() == []
    assert partition._fetcher.stopping
    shared.fetching.set_result(None)
    with pytest.raises(StopIteration):
        partition.next_batch()


def test_a_source_whose_fetching_died_says_why(
    partition: JetStreamPartition, shared: FakeShared
) -> None:
    shared.fetching.set_exception(ValueError("a bug"))
    with pytest.raises(ValueError, match="a bug"):
        partition.next_batch()


def test_a_connection_that_is_closed_for_good_ends_the_source(
    partition: JetStreamPartition,
) -> None:
    class Closed:
        async def fetch(self, *_batch: int) -> None:
            raise ConnectionClosedError

    with capture_logs(), pytest.raises(ConnectionClosedError):
        asyncio.run(partition._fetcher._pull(cast("Pull", Closed()), Lane.LIVE, BATCH))


@pytest.mark.parametrize("fetching", [None, ValueError("a bug")])
@pytest.mark.parametrize("on_release", [None, TimeoutError("gone")])
def test_closing_lets_go_of_the_client_and_never_raises(
    fetching: Exception | None,
    on_release: Exception | None,
    partition: JetStreamPartition,
    shared: FakeShared,
) -> None:
    shared.on_release = on_release
    if fetching:
        shared.fetching.set_exception(fetching)
    else:
        shared.fetching.set_result(None)
    with capture_logs():
        partition.close()
    assert partition._fetcher.stopping
    assert shared.released == 1
