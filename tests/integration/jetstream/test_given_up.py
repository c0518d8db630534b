"""What the server itself gave up on ends as a dead letter too."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StreamConfig

from connectors.jetstream.jobs.given_up import NOBODY_ASKS, GivenUp
from connectors.jetstream.provision import provision
from dataflow.jobs.delivery import Delivery
from dataflow.jobs.lane import Lane
from dataflow.jobs.reason import Reason
from tests.fixtures.worker import Log, MakeWorld, RunWorker
from tests.patience import PATIENCE_S
from tests.pulling import connection_of
from tests.world import World, jetstream

OURS, THEIRS = 2, 3


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """A world whose platform made consumers that give up by themselves, though after us."""
    made = make_world(NATS__MAX_DELIVER=str(OURS))
    prepare(made, RetentionPolicy.WORK_QUEUE)
    return made


def prepare(world: World, retention: RetentionPolicy) -> None:
    nats = world.settings.nats

    async def add() -> None:
        async with jetstream(nats) as js:
            subjects = [nats.subject_of(lane) for lane in Lane]
            await js.add_stream(
                StreamConfig(name=nats.stream, subjects=subjects, retention=retention)
            )
            for lane in Lane:
                await js.add_consumer(
                    nats.stream,
                    ConsumerConfig(
                        durable_name=nats.durable_of(lane),
                        filter_subject=nats.subject_of(lane),
                        ack_policy=AckPolicy.EXPLICIT,
                        max_deliver=THEIRS,
                    ),
                )

    asyncio.run(add())


async def exhaust(js: JetStreamContext, world: World, lane: Lane = Lane.LIVE) -> None:
    """Take a lane's only job until the server delivers it no more."""
    nats = world.settings.nats
    pull = await js.pull_subscribe_bind(durable=nats.durable_of(lane), stream=nats.stream)
    for _ in range(THEIRS):
        (message,) = await pull.fetch(1, timeout=PATIENCE_S)
        await js._nc.request(message.reply, b"-NAK")
    with pytest.raises(TimeoutError):
        await pull.fetch(1, timeout=0.2)


async def settle(js: JetStreamContext, world: World, lane: Lane) -> None:
    """Settle a lane's next job; the server then knows that all before it are done with."""
    nats = world.settings.nats
    pull = await js.pull_subscribe_bind(durable=nats.durable_of(lane), stream=nats.stream)
    (message,) = await pull.fetch(1, timeout=PATIENCE_S)
    await message.ack_sync()


async def first(given_up: GivenUp) -> Delivery:
    async with asyncio.timeout(PATIENCE_S):
        while not (found := await given_up.next()):  # noqa: ASYNC110 - as a source asks
            await asyncio.sleep(0.05)
    return found


def with_listeners(
    world: World, work: Callable[[JetStreamContext, list[GivenUp]], Awaitable[None]]
) -> None:
    """Do something while two workers listen for what is given up."""
    nats = world.settings.nats

    async def run() -> None:
        async with jetstream(nats) as one, jetstream(nats) as two:
            found = await provision(one, nats)
            listeners = [GivenUp(connection_of(js), nats) for js in (one, two)]
            for listener in listeners:
                await listener.listen(found)
                await listener._connection.flush()
            await work(one, listeners)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("retention", "lane"),
    [
        (RetentionPolicy.WORK_QUEUE, Lane.LIVE),
        (RetentionPolicy.LIMITS, Lane.LIVE),
        (RetentionPolicy.WORK_QUEUE, Lane.BACKFILL),
    ],
)
def test_one_of_the_workers_hears_of_a_job_that_is_given_up(
    make_world: MakeWorld, retention: RetentionPolicy, lane: Lane
) -> None:
    world = make_world(NATS__MAX_DELIVER=str(OURS))
    prepare(world, retention)
    (sequence,) = world.publish(b"a job", lane=lane)
    kept = 0 if retention is RetentionPolicy.WORK_QUEUE else 1

    async def hear(js: JetStreamContext, listeners: list[GivenUp]) -> None:
        await exhaust(js, world, lane)
        waiting = [asyncio.create_task(first(listener)) for listener in listeners]
        done, others = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in others:
            task.cancel()
        (found,) = [task.result() for task in done]
        assert (found.payload, found.stream_seq, found.attempt) == (b"a job", sequence, THEIRS)
        assert (found.ack_token, found.lane) == (NOBODY_ASKS, lane)
        for listener in listeners:
            await listener.settled(found)  # the second time there is nothing left to remove
        assert (await js.stream_info(world.settings.nats.stream)).state.messages == kept

    with_listeners(world, hear)


def test_what_could_not_be_settled_is_tried_again(world: World) -> None:
    world.publish(b"a job")

    async def retry(js: JetStreamContext, listeners: list[GivenUp]) -> None:
        await exhaust(js, world)
        listener = next(each for each in listeners * 99 if await_heard(each))
        found = await first(listener)
        assert await listener.next() is None
        listener.again(found)
        assert await listener.next() == found

    def await_heard(listener: GivenUp) -> bool:
        return bool(listener._waiting)

    with_listeners(world, retry)


@pytest.mark.parametrize("lane", Lane)
def test_a_job_that_nobody_heard_of_is_found_at_the_next_start(
    world: World, run_worker: RunWorker, log: Log, lane: Lane
) -> None:
    photo = world.photo()
    (lost,) = world.publish(photo.job(), lane=lane)
    world.with_jetstream(lambda js: exhaust(js, world, lane))
    world.publish(b"settled by another worker", lane=lane)
    world.with_jetstream(lambda js: settle(js, world, lane))
    worker = run_worker()
    (malformed,) = world.publish(b"no job")
    log.wait_settled([lost, malformed])
    worker.stop()

    assert log.reasons() == {
        lost: Reason.ATTEMPTS_EXHAUSTED,
        malformed: Reason.MALFORMED_PAYLOAD,
    }
    letters = {
        letter.headers and letter.headers["Soloface-Reason"] for letter in world.dead_letters()
    }
    assert letters == set(log.reasons().values())
    assert world.rows("face_match_outcomes")[photo.id]["reason"] == Reason.ATTEMPTS_EXHAUSTED
    world.assert_nothing_is_left()

    async def messages(js: JetStreamContext) -> int:
        return int((await js.stream_info(world.settings.nats.stream)).state.messages)

    assert world.with_jetstream(messages) == 0
