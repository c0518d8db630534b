"""Every settled job has its event, whatever stands in the way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg

from connectors.jetstream.client import JetStreamClient
from connectors.jetstream.provision import provision
from dataflow.process.health import Health
from soloface.cli.demo.changes import jpeg
from soloface.cli.demo.people import ENROLLED
from tests.builders import settled
from tests.fixtures.letters import Letters
from tests.fixtures.worker import Log, MakeWorld, RunWorker
from tests.world import World

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def data(message: RawStreamMsg) -> dict[str, Any]:
    event: dict[str, Any] = orjson.loads(message.data or b"")
    return event


def header(message: RawStreamMsg, name: str) -> str | None:
    return (message.headers or {}).get(name)


def platform_of(world: World) -> World:
    """The same world, whose platform does not make the stream of events again."""
    nats = world.settings.nats.model_copy(update={"events": False})
    return replace(world, settings=world.settings.model_copy(update={"nats": nats}))


def drop_the_event_stream(world: World) -> None:
    async def drop(js: JetStreamContext) -> None:
        await js.delete_stream(world.settings.nats.settled_stream)

    platform_of(world).with_jetstream(drop)


def make_the_event_stream(world: World) -> None:
    async def make(js: JetStreamContext) -> None:
        await provision(js, world.settings.nats)

    world.with_jetstream(make)


def test_each_job_has_one_event_that_says_what_the_log_says(
    world: World, run_worker: RunWorker, log: Log
) -> None:
    users = world.enrol(ENROLLED[0])
    photo = world.photo(jpeg(ENROLLED[0].portrait()))
    absent = world.photo()
    jobs = [photo.job(), b"no job", absent.job(), photo.job(faces_detected=2)]
    sequences = world.publish(*jobs, headers={"traceparent": TRACE})

    worker = run_worker()
    log.wait_settled(sequences)
    worker.stop()

    events = {data(message)["stream_seq"]: message for message in world.events()}
    assert len(world.events()) == len(events)
    assert events.keys() == set(sequences)
    for line in log.settled:
        message = events[line["stream_seq"]]
        told = data(message)
        for name in ("photo_id", "job_id", "outcome", "reason", "deliveries"):
            assert told[name] == line[name]
        assert told["durations"].keys() == line["durations"].keys()
        assert told["model"] == world.pack.contract.id
        assert header(message, "traceparent") == TRACE
        assert header(message, "ce-subject") == line["photo_id"]
        assert line["trace_id"] == TRACE.split("-")[1]
    matched = data(events[sequences[0]])
    assert matched["user_id"] == str(users[ENROLLED[0].name])
    assert list(matched["durations"]) == [
        "wait", "check", "fetch", "decode", "detect", "embed", "write",
    ]  # fmt: skip
    assert all(header(letter, "traceparent") == TRACE for letter in world.dead_letters())


def test_a_worker_without_its_event_stream_holds_and_loses_nothing(
    make_world: MakeWorld, run_worker: RunWorker, log: Log
) -> None:
    world = make_world(NATS__ACK_WAIT_S="2")
    world.enrol(ENROLLED[0])
    photo = world.photo(jpeg(ENROLLED[0].portrait()))
    worker = run_worker()
    log.wait_settled(world.publish(world.photo().job()))

    drop_the_event_stream(world)
    (first,) = platform_of(world).publish(world.photo().job())
    log.wait(lambda: len(holds(log)) == 1)
    assert "may this login publish" in holds(log)[0]["error"]
    make_the_event_stream(world)
    log.wait_settled([first])
    assert [data(event)["stream_seq"] for event in world.events()] == [first]

    drop_the_event_stream(world)
    (second,) = platform_of(world).publish(photo.job())
    log.wait(lambda: len(holds(log)) > 1)
    assert photo.id in world.rows("face_matches")
    worker.stop()
    assert not log.events("job_settled", stream_seq=second)

    make_the_event_stream(world)
    worker = run_worker()
    log.wait_settled([second])
    worker.stop()
    (event,) = world.events()
    assert data(event)["reason"] == "matched"
    assert data(event)["repeated"] is True
    assert data(event)["deliveries"] > 1
    world.assert_nothing_is_left()


def holds(log: Log) -> list[dict[str, Any]]:
    return log.events("dependency_unusable", dependency="event stream")


def test_a_worker_that_wants_no_events_makes_no_stream_for_them(letters: Letters) -> None:
    settings = letters.settings.model_copy(
        update={"events": False, "settled_stream": "NOT_WANTED", "settled_subject": "not.wanted"}
    )
    client = JetStreamClient(settings, Health())
    client.announce([settled()], "open-1")
    client.close()

    async def streams(js: JetStreamContext) -> list[str | None]:
        return [info.config.name for info in await js.streams_info()]

    assert "NOT_WANTED" not in letters.with_jetstream(streams)
