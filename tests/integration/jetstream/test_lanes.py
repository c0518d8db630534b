"""Two lanes of one stream: where there are two, what comes first, and what holds one back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StreamConfig
from structlog.testing import capture_logs

from connectors.jetstream.client import SharedJetStream
from connectors.jetstream.examining import surroundings
from connectors.jetstream.jobs.settling import ACK, nak
from connectors.jetstream.lanes import LaneState, open_lanes
from connectors.jetstream.provision import Provision, provision, wanted_streams
from dataflow.jobs.delivery import SUSPECT_FROM, Delivery
from dataflow.jobs.errors import ConfigurationError
from dataflow.jobs.lane import Lane
from dataflow.process.health import Health
from dataflow.settings import NatsSettings
from tests.fixtures.source import BUSY, Source
from tests.headers import publish_raw
from tests.world import eventually, jetstream

PLAIN = b"NATS/1.0\r\n\r\n"


def provisioned(settings: NatsSettings, *before: StreamConfig) -> Provision:
    """What there is once a worker has looked, after somebody made streams."""

    async def run() -> Provision:
        async with jetstream(settings) as js:
            for config in before:
                await js.add_stream(config)
            return await provision(js, settings)

    return asyncio.run(run())


def publish(settings: NatsSettings, lane: Lane, *payloads: bytes) -> list[int]:
    messages = [(PLAIN, payload) for payload in payloads]
    return asyncio.run(publish_raw(settings, settings.subject_of(lane), messages))


def state(settings: NatsSettings, lane: Lane = Lane.BACKFILL) -> LaneState:
    async def look() -> LaneState:
        async with open_lanes(settings) as lanes:
            return {each.lane: each for each in await lanes.states()}[lane]

    return asyncio.run(look())


def turn(settings: NatsSettings, *, paused: bool) -> LaneState:
    async def run() -> LaneState:
        async with open_lanes(settings) as lanes:
            return await (lanes.pause() if paused else lanes.resume())

    return asyncio.run(run())


@pytest.fixture
def source(nats_settings: NatsSettings) -> Iterator[Source]:
    made = Source(nats_settings)
    yield made
    made.close()


def single(settings: NatsSettings, **changes: object) -> StreamConfig:
    """A stream of jobs from before there were two lanes."""
    config: StreamConfig = wanted_streams(settings)[0].evolve(subjects=[settings.subject])
    return config.evolve(**changes)


def test_a_stream_of_ours_from_before_gains_the_second_lane(nats_settings: NatsSettings) -> None:
    found = provisioned(nats_settings, single(nats_settings))
    assert set(found.lanes) == set(Lane)
    assert nats_settings.backfill_subject in found.made
    assert provisioned(nats_settings).made == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"description": "the platform's"},
        {"retention": RetentionPolicy.LIMITS},
        {"max_age": 3600.0},
        {},
    ],
    ids=["description", "retention", "max_age", "subjects"],
)
def test_a_stream_of_the_platforms_is_left_as_it_is_and_one_lane_does_it_all(
    nats_settings: NatsSettings, changes: dict[str, object]
) -> None:
    further = {"subjects": [nats_settings.subject, f"{nats_settings.subject}.others"]}
    before = single(nats_settings, **(changes or further))
    found = provisioned(nats_settings, before)
    assert list(found.lanes) == [Lane.LIVE]
    assert found.jobs.config.subjects == before.subjects
    assert nats_settings.backfill_subject in found.one_lane
    assert "nats stream edit" in found.one_lane
    assert found.lane(Lane.BACKFILL) is Lane.LIVE


def test_a_consumer_that_takes_everything_keeps_the_stream_from_a_second_lane(
    nats_settings: NatsSettings,
) -> None:
    async def run() -> Provision:
        async with jetstream(nats_settings) as js:
            await js.add_stream(single(nats_settings))
            config = ConsumerConfig(
                durable_name=nats_settings.durable, ack_policy=AckPolicy.EXPLICIT
            )
            await js.add_consumer(nats_settings.stream, config)
            return await provision(js, nats_settings)

    assert list(asyncio.run(run()).lanes) == [Lane.LIVE]


def test_where_another_stream_has_the_subject_there_is_one_lane(
    nats_settings: NatsSettings,
) -> None:
    other = StreamConfig(f"OTHER_{nats_settings.stream}", subjects=[nats_settings.backfill_subject])
    found = provisioned(nats_settings, other)
    assert list(found.lanes) == [Lane.LIVE]
    assert "overlap" in found.one_lane


def test_switched_off_there_is_one_lane_and_nothing_to_say(nats_settings: NatsSettings) -> None:
    found = provisioned(nats_settings.model_copy(update={"backfill": False}))
    assert (list(found.lanes), found.one_lane) == ([Lane.LIVE], "")
    assert found.jobs.config.subjects == [nats_settings.subject]


def test_jobs_in_a_lane_that_is_switched_off_are_pointed_out(nats_settings: NatsSettings) -> None:
    provisioned(nats_settings)
    off = nats_settings.model_copy(update={"backfill": False})

    def warnings(settings: NatsSettings) -> list[str]:
        found = asyncio.run(surroundings(settings))
        return [one for one in found.warnings() if nats_settings.backfill_subject in one]

    assert warnings(off) == []
    publish(nats_settings, Lane.BACKFILL, b"later")
    (warning,) = warnings(off)
    assert "SOLOFACE_NATS__BACKFILL=false" in warning
    assert warnings(nats_settings) == []


def test_a_worker_that_may_make_nothing_works_with_one_lane_and_says_so_once(
    nats_settings: NatsSettings,
) -> None:
    provisioned(nats_settings.model_copy(update={"backfill": False}))
    with capture_logs() as logs:
        source = Source(nats_settings.model_copy(update={"provision": False}))
    try:
        (said,) = [line for line in logs if line["event"] == "one_lane"]
        assert nats_settings.backfill_subject in said["detail"]
        source.publish([(PLAIN, b"live")])
        assert source.take(1)[0].payload == b"live"
    finally:
        source.close()


def test_the_check_before_the_start_and_the_start_say_it_once_together(
    nats_settings: NatsSettings,
) -> None:
    provisioned(nats_settings.model_copy(update={"backfill": False}))
    shared = SharedJetStream(nats_settings.model_copy(update={"provision": False}), Health())
    with capture_logs() as logs:
        for _ in range(2):
            shared.acquire()
            shared.release()
    assert len([line for line in logs if line["event"] == "one_lane"]) == 1


def test_an_unsound_consumer_of_the_second_lane_is_refused(nats_settings: NatsSettings) -> None:
    async def run() -> None:
        async with jetstream(nats_settings) as js:
            await provision(js, nats_settings)
            await js.delete_consumer(nats_settings.stream, nats_settings.backfill_durable)
            config = ConsumerConfig(
                durable_name=nats_settings.backfill_durable,
                filter_subject=nats_settings.backfill_subject,
                ack_policy=AckPolicy.EXPLICIT,
                max_deliver=2,
            )
            await js.add_consumer(nats_settings.stream, config)
            await provision(js, nats_settings)

    with pytest.raises(ConfigurationError, match="SOLOFACE_NATS__BACKFILL_DURABLE"):
        asyncio.run(run())


def test_jobs_of_both_lanes_come_and_say_by_which(
    source: Source, nats_settings: NatsSettings
) -> None:
    backfill = publish(nats_settings, Lane.BACKFILL, b"1", b"2", b"3")
    live = publish(nats_settings, Lane.LIVE, b"4", b"5")
    came = {each.stream_seq: each.lane for each in source.take(5)}
    assert came == dict.fromkeys(backfill, Lane.BACKFILL) | dict.fromkeys(live, Lane.LIVE)
    eventually(lambda: state(nats_settings).in_work == 0, "all are answered")


def test_a_process_holds_little_of_the_backfill_and_live_jobs_pass_it(
    source: Source, nats_settings: NatsSettings
) -> None:
    publish(nats_settings, Lane.BACKFILL, *[b"later"] * 50)
    held, of_backfill = source.client.in_flight, nats_settings.backfill_durable
    # A pull may bring few, and the next one is made where there is room for half of what it holds.
    eventually(lambda: held.by(of_backfill) > BUSY / 2, "what keeps it busy is pulled")
    publish(nats_settings, Lane.LIVE, b"now")
    eventually(lambda: held.by(nats_settings.durable) == 1, "the live job is pulled")
    assert source.partition.next_batch()[0].payload == b"now"
    assert held.by(of_backfill) <= BUSY


def test_a_paused_lane_gives_nothing_until_it_is_resumed_and_live_jobs_go_on(
    source: Source, nats_settings: NatsSettings
) -> None:
    paused = turn(nats_settings, paused=True)
    assert paused.paused_until
    publish(nats_settings, Lane.BACKFILL, b"later")
    publish(nats_settings, Lane.LIVE, b"now")
    assert source.take(1)[0].payload == b"now"
    assert (state(nats_settings).waiting, state(nats_settings).in_work) == (1, 0)
    assert turn(nats_settings, paused=False).paused_until is None
    assert source.take(1)[0].payload == b"later"


def test_a_lane_that_is_not_there_cannot_be_paused(nats_settings: NatsSettings) -> None:
    provisioned(nats_settings, single(nats_settings, description="the platform's"))
    with pytest.raises(ConfigurationError, match="nats stream edit"):
        turn(nats_settings, paused=True)


def test_a_job_that_can_wait_comes_again_by_its_own_lane(
    source: Source, nats_settings: NatsSettings
) -> None:
    (seq,) = publish(nats_settings, Lane.BACKFILL, b"later")
    (came,) = some(source)
    source.answer(came, nak(0))
    (again,) = source.take(1)
    assert (again.stream_seq, again.attempt, again.lane) == (seq, 2, Lane.BACKFILL)


def test_a_suspect_that_can_wait_is_tried_alone_with_no_live_job_at_stake(
    source: Source, nats_settings: NatsSettings
) -> None:
    publish(nats_settings, Lane.BACKFILL, b"deadly")
    for _ in range(SUSPECT_FROM - 2):
        source.answer(some(source)[0], nak(0))
    (suspect,) = some(source)
    publish(nats_settings, Lane.LIVE, b"harmless")
    (live,) = some(source)
    source.answer(suspect, nak(0))
    eventually(lambda: len(source.client.in_flight) == 2, "the suspect comes again")
    assert source.partition.next_batch() == []
    source.answer(live, ACK)
    (again,) = some(source)
    assert (again.attempt, again.lane) == (SUSPECT_FROM, Lane.BACKFILL)
    assert len(source.client.in_flight) == 1


def some(source: Source) -> list[Delivery]:
    """The next jobs that it hands over, to be answered."""
    found: list[Delivery] = []

    def came() -> bool:
        found.extend(source.partition.next_batch())
        return bool(found)

    eventually(came, "something comes")
    return found
