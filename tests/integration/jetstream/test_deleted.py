"""What somebody deletes under a running worker is made again, or said to be gone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, MutableMapping
from contextlib import aclosing
from typing import Any

import pytest
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from structlog.testing import capture_logs

from connectors.jetstream.explaining import why
from connectors.jetstream.jobs.settling import ACK
from connectors.jetstream.letters.following import Feed, events
from connectors.jetstream.provision import provision
from dataflow.jobs.lane import Lane
from dataflow.jobs.reason import Reason
from dataflow.settings import NatsSettings
from tests.fixtures.source import Source
from tests.fixtures.worker import Log, RunWorker
from tests.world import World, eventually, jetstream

PLAIN = b"NATS/1.0\r\n\r\n"


def do(settings: NatsSettings, *deletions: str) -> None:
    """Delete streams, or the consumer by its name."""

    async def delete() -> None:
        async with jetstream(settings) as js:
            for name in deletions:
                if name == settings.durable:
                    await js.delete_consumer(settings.stream, name)
                else:
                    await js.delete_stream(name)

    asyncio.run(delete())


def make(settings: NatsSettings) -> None:
    """What the platform does that makes its own streams."""

    async def work() -> None:
        async with jetstream(settings) as js:
            await provision(js, settings)

    asyncio.run(work())


@pytest.fixture
def source(nats_settings: NatsSettings) -> Iterator[Source]:
    made = Source(nats_settings)
    yield made
    made.close()


@pytest.fixture
def careful(nats_settings: NatsSettings) -> Iterator[Source]:
    """A source that may make nothing."""
    make(nats_settings)
    made = Source(nats_settings.model_copy(update={"provision": False}))
    yield made
    made.close()


def test_a_deleted_consumer_is_made_again_and_no_job_is_lost(
    source: Source, nats_settings: NatsSettings
) -> None:
    source.publish([(PLAIN, b"first")])
    source.take(1)
    with capture_logs() as logs:
        do(nats_settings, nats_settings.durable)
        source.publish([(PLAIN, b"second")])
        assert [delivery.payload for delivery in source.take(1)] == [b"second"]

    assert [line["what"] for line in logs if line["event"] == "made_again"] == [
        nats_settings.durable
    ]
    eventually(lambda: source.health.causes() == [], "it is over")


def test_a_deleted_stream_is_made_again_and_goes_on_to_count(
    source: Source, nats_settings: NatsSettings
) -> None:
    source.publish([(PLAIN, b"first"), (PLAIN, b"second")])
    source.take(2)
    with capture_logs() as logs:
        do(nats_settings, nats_settings.stream)
        made = {nats_settings.stream, *map(nats_settings.durable_of, Lane)}
        eventually(
            lambda: {line["what"] for line in logs if line["event"] == "made_again"} == made,
            "it is made again",
        )
    source.publish([(PLAIN, b"third")])
    assert [(each.payload, each.stream_seq) for each in source.take(1)] == [(b"third", 3)]
    eventually(lambda: source.health.causes() == [], "it is over")


@pytest.mark.parametrize("what", ["dead_stream", "settled_stream", "tags_stream"])
def test_each_other_stream_is_made_again_too(
    nats_settings: NatsSettings, what: str, source: Source
) -> None:
    name = getattr(nats_settings, what)
    assert source.health.causes() == []
    with capture_logs() as logs:
        do(nats_settings, name)
        eventually(
            lambda: [line["what"] for line in logs if line["event"] == "made_again"] == [name],
            "it is made again",
        )


@pytest.mark.parametrize("what", ["stream", "durable"])
def test_an_answer_that_nobody_takes_any_more_says_that_and_not_that_jetstream_is_off(
    careful: Source, nats_settings: NatsSettings, what: str
) -> None:
    careful.publish([(PLAIN, b"a job")])
    (delivery,) = careful.take(1)
    do(nats_settings, getattr(nats_settings, what))

    with pytest.raises(NatsError) as refused:
        careful.client.start(careful.client.settler.answer(delivery.ack_token, ACK)).result()

    assert why(refused.value) == "the stream or the consumer that delivered it is gone"


@pytest.mark.parametrize("what", ["stream", "durable"])
def test_where_nothing_may_be_made_it_is_said_what_is_gone_until_it_is_back(
    careful: Source, nats_settings: NatsSettings, what: str
) -> None:
    name = getattr(nats_settings, what)
    do(nats_settings, name)

    eventually(lambda: bool(careful.health.causes()), "it is noticed")
    (cause,) = careful.health.causes()
    assert cause.name == "JetStream consumer"
    assert name in cause.error
    assert "does not exist" in cause.error
    assert "SOLOFACE_NATS__PROVISION=true" in cause.error
    assert careful.health.still_for_s() == 0

    make(nats_settings)
    careful.publish([(PLAIN, b"a job")])
    assert [delivery.payload for delivery in careful.take(1)] == [b"a job"]
    eventually(lambda: careful.health.causes() == [], "it is over")


@pytest.mark.parametrize("what", ["dead_stream", "settled_stream"])
def test_a_stream_of_ours_that_is_gone_is_said_to_be(
    careful: Source, nats_settings: NatsSettings, what: str
) -> None:
    name = getattr(nats_settings, what)
    do(nats_settings, name)

    eventually(lambda: bool(careful.health.causes()), "it is noticed")
    (cause,) = careful.health.causes()
    assert cause.name in {"dead-letter stream", "event stream"}
    assert f"the stream {name} does not exist" in cause.error

    make(nats_settings)
    eventually(lambda: careful.health.causes() == [], "it is over")


def test_a_worker_whose_feed_is_gone_says_so_and_stays_ready(
    nats_settings: NatsSettings,
) -> None:
    make(nats_settings)
    with capture_logs() as logs:
        careful = Source(nats_settings.model_copy(update={"provision": False}))
        do(nats_settings, nats_settings.tags_stream)
        eventually(lambda: bool(about_the_feed(logs)), "it is noticed")
        assert careful.health.causes() == []
        make(nats_settings)
        eventually(lambda: about_the_feed(logs)[-1]["event"] == "dependency_back", "it is over")
        careful.close()

    first, *_ = about_the_feed(logs)
    assert f"the stream {nats_settings.tags_stream} does not exist" in first["error"]


def about_the_feed(logs: list[MutableMapping[str, Any]]) -> list[MutableMapping[str, Any]]:
    return [entry for entry in logs if entry.get("dependency") == "tag stream"]


@pytest.mark.parametrize("purged", [True, False])
def test_jobs_end_as_ever_after_letters_and_events_are_gone(
    world: World,
    run_worker: RunWorker,
    log: Log,
    purged: bool,  # noqa: FBT001 - a test's parameter
) -> None:
    nats = world.settings.nats
    first = world.publish(b"no job")
    worker = run_worker()
    log.wait_settled(first)
    ours = (nats.dead_stream, nats.settled_stream, nats.tags_stream)

    async def remove(js: JetStreamContext) -> None:
        for name in ours:
            await (js.purge_stream(name) if purged else js.delete_stream(name))

    async def work() -> None:
        async with jetstream(nats) as js:
            await remove(js)

    asyncio.run(work())
    if not purged:
        log.wait(lambda: all(log.events("made_again", what=name) for name in ours))
    second = world.publish(b"no job either")
    log.wait_settled(second)
    worker.stop()

    assert log.reasons() == dict.fromkeys([*first, *second], Reason.MALFORMED_PAYLOAD)
    assert world.messages(nats.dead_stream) == world.messages(nats.settled_stream) == 1
    world.assert_nothing_is_left()


def test_events_are_followed_beyond_a_stream_that_is_made_again(
    nats_settings: NatsSettings,
) -> None:
    make(nats_settings)
    told = nats_settings.settled_subject

    async def follow() -> list[str]:
        found: list[str] = []
        async with (
            jetstream(nats_settings) as js,
            events(nats_settings, Feed.outcomes(nats_settings)) as stream,
            aclosing(stream.follow()) as following,
            asyncio.timeout(60),
        ):
            assert await anext(following) == []
            for name in ("first", "second", "third"):
                await js.publish(told, b'{"reason": "%b"}' % name.encode())
            while len(found) < 3:
                found += [event.data["reason"] for event in await anext(following)]
            await js.delete_stream(nats_settings.settled_stream)
            await provision(js, nats_settings)
            await js.publish(told, b'{"reason": "again"}')
            while len(found) < 4:
                found += [event.data["reason"] for event in await anext(following)]
        return found

    assert asyncio.run(follow()) == ["first", "second", "third", "again"]
