"""A subscription that goes quiet is noticed and replaced."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from nats.js.api import ConsumerConfig, ConsumerInfo
from structlog.testing import capture_logs

from connectors.jetstream.client import JetStreamClient, SharedJetStream
from connectors.jetstream.jobs.source import JetStreamPartition
from connectors.jetstream.jobs.stall import STALLS, deliverable
from dataflow.jobs.delivery import Delivery
from dataflow.process.health import Health
from tests.world import World, eventually

STALL_S = 0.5


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def shared(world: World, health: Health) -> SharedJetStream:
    return SharedJetStream(world.settings.nats, health)


@pytest.fixture
def client(shared: SharedJetStream) -> Iterator[JetStreamClient]:
    yield shared.acquire()
    shared.release()


@pytest.fixture
def partition(shared: SharedJetStream) -> Iterator[JetStreamPartition]:
    source = JetStreamPartition(shared, 4, STALL_S, 4, threading.Event())
    yield source
    source.close()


def deafen(client: JetStreamClient) -> None:
    """Let the server forget who listens, as it may after a reconnect; our side notices nothing."""

    async def forget() -> None:
        replies = bytes(client.connection._resp_sub_prefix or b"")
        for sid, subscription in list(client.connection._subs.items()):
            if not subscription.subject.encode().startswith(replies):
                await client.connection._send_unsubscribe(sid)
        await client.connection.flush()

    client.start(forget()).result(10)


def arrived(partition: JetStreamPartition) -> list[Delivery]:
    found: list[Delivery] = []

    def came() -> bool:
        found.extend(partition.next_batch())
        return bool(found)

    eventually(came, "a job comes")
    return found


def stalls() -> float:
    return float(STALLS._value.get())


def test_jobs_come_again_after_the_server_forgot_who_listens(
    world: World, client: JetStreamClient, partition: JetStreamPartition, health: Health
) -> None:
    world.publish(b"first")
    assert [delivery.payload for delivery in arrived(partition)] == [b"first"]
    before = stalls()
    deafen(client)
    world.publish(b"second")

    with capture_logs() as logs:
        eventually(lambda: stalls() > before, "the silence is noticed")
        assert [delivery.payload for delivery in arrived(partition)] == [b"second"]

    assert stalls() == before + 1
    assert [line["waiting"] for line in logs if line["event"] == "subscription_stalled"] == [1]
    eventually(lambda: health.causes() == [], "it is over")


def test_a_quiet_stream_is_no_stall(
    client: JetStreamClient, partition: JetStreamPartition, health: Health
) -> None:
    before, asked = stalls(), client.connection.stats["out_msgs"]
    eventually(lambda: client.connection.stats["out_msgs"] > asked + 8, "jobs were asked for")
    assert partition.next_batch() == []
    assert stalls() == before
    assert health.causes() == []


CONSUMER = ConsumerInfo(
    "soloface", "JOBS", ConsumerConfig(max_ack_pending=8), datetime.now(UTC), num_pending=5
)


@pytest.mark.parametrize(
    ("consumer", "jobs"),
    [
        (CONSUMER, 5),
        (replace(CONSUMER, num_ack_pending=7), 5),
        (replace(CONSUMER, num_ack_pending=8), 0),
        (replace(CONSUMER, num_ack_pending=8, config=ConsumerConfig(max_ack_pending=-1)), 5),
        (replace(CONSUMER, paused=True), 0),
        (replace(CONSUMER, num_pending=0), 0),
        (replace(CONSUMER, num_pending=None), 0),
    ],
)
def test_only_jobs_that_the_server_would_deliver_are_missed(
    consumer: ConsumerInfo, jobs: int
) -> None:
    assert deliverable(consumer) == jobs
