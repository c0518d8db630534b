"""`soloface dlq bury`: a job is rejected by hand, with everything that a rejection leaves."""

from __future__ import annotations

import orjson
import pytest
from nats.js import JetStreamContext
from nats.js.api import RetentionPolicy, StreamConfig

from dataflow.settings import PREFIX
from soloface.cli.demo.changes import scaled
from soloface.cli.demo.people import ENROLLED
from tests.fixtures.worker import Log, MakeWorld, RunWorker, Soloface
from tests.world import Photo, World, eventually


def waiting(world: World) -> tuple[Photo, int]:
    """A job that nobody has taken."""
    (photo,) = world.photos(None, 1)
    (seq,) = world.publish(photo.job())
    return photo, seq


def messages_left(world: World) -> int:
    async def count(js: JetStreamContext) -> int:
        return (await js.stream_info(world.settings.nats.stream)).state.messages

    return world.with_jetstream(count)


def test_a_job_that_waits_is_rejected_and_leaves_the_stream(
    world: World, soloface: Soloface
) -> None:
    photo, seq = waiting(world)

    done = soloface("dlq", "bury", seq, "--json")

    assert done.code == 0
    assert done.json == {"stream_seq": seq, "photo_id": str(photo.id), "reason": "buried"}
    outcome = world.rows("face_match_outcomes")[photo.id]
    assert (outcome["reason"], outcome["detail"]) == ("buried", "rejected by hand")
    assert (outcome["stream_seq"], outcome["deliveries"]) == (seq, 1)
    (letter,) = world.dead_letters()
    assert letter.headers is not None
    assert letter.headers["Soloface-Stream-Seq"] == str(seq)
    (event,) = world.events()
    told = orjson.loads(event.data or b"")
    assert (told["outcome"], told["reason"], told["model"]) == ("rejected", "buried", "")
    assert messages_left(world) == 0
    assert soloface("dlq", "list", "--reason", "buried", "--json").json[0]["stream_seq"] == seq


def test_a_job_in_work_leaves_nothing_at_the_server(world: World, soloface: Soloface) -> None:
    _, seq = waiting(world)
    world.take()
    assert world.consumer().num_ack_pending == 1

    assert soloface("dlq", "bury", seq).code == 0

    eventually(lambda: world.consumer().num_ack_pending == 0, "the server knows of it")
    assert world.consumer().num_pending == 0


def test_it_can_be_replayed(
    world: World, soloface: Soloface, run_worker: RunWorker, log: Log
) -> None:
    world.enrol(*ENROLLED)
    photo = world.photo(scaled(ENROLLED[0].portrait(), 0.7))
    (seq,) = world.publish(photo.job())
    soloface("dlq", "bury", seq)

    soloface("dlq", "replay", "--all")

    worker = run_worker()
    log.wait_settled([seq + 1])
    worker.stop()
    assert log.reasons() == {seq + 1: "matched"}


def test_what_is_no_valid_job_is_rejected_too(world: World, soloface: Soloface) -> None:
    (seq,) = world.publish(b"no job")

    done = soloface("dlq", "bury", seq)

    assert done.out == f"buried {seq} that was no valid job\n"
    assert world.rows("face_match_outcomes") == {}
    assert len(world.dead_letters()) == 1


@pytest.mark.parametrize("seq", [1, 99])
def test_a_job_that_is_not_there_is_one_line(world: World, soloface: Soloface, seq: int) -> None:
    _, first = waiting(world)
    soloface("dlq", "bury", first)

    done = soloface("dlq", "bury", seq)

    assert done.code == 1
    assert done.err == (
        f"error: there is no job {seq} on {world.settings.nats.stream}, or not any more; "
        "soloface doctor names the oldest that is held\n"
    )
    assert len(world.dead_letters()) == 1


def test_a_job_that_has_its_outcome_is_left_alone(
    make_world: MakeWorld, soloface: Soloface, run_worker: RunWorker, log: Log
) -> None:
    """A stream of the platform's that keeps settled jobs still has it."""
    world = make_world()
    nats = world.settings.nats

    async def keep(js: JetStreamContext) -> None:
        await js.delete_stream(nats.stream)
        await js.add_stream(
            StreamConfig(nats.stream, subjects=[nats.subject], retention=RetentionPolicy.LIMITS)
        )

    world.with_jetstream(keep)
    photo = world.photo(None)
    (seq,) = world.publish(photo.job())
    worker = run_worker()
    log.wait_settled([seq])
    worker.stop()
    letters = len(world.dead_letters())

    done = soloface("dlq", "bury", seq)

    assert done.code == 1
    assert "is settled: image_not_found; there is nothing to bury" in done.err
    assert len(world.dead_letters()) == letters


def test_an_interrupted_burial_is_done_again_and_leaves_one_letter(
    world: World, soloface: Soloface, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, seq = waiting(world)

    async def fail(*_: object) -> None:
        raise TimeoutError

    with monkeypatch.context() as broken:
        broken.setattr(JetStreamContext, "delete_msg", fail)
        done = soloface("dlq", "bury", seq)
    assert done.code == 1
    assert done.err == "error: JetStream does not do it: TimeoutError; run it again\n"
    assert messages_left(world) == 1

    assert soloface("dlq", "bury", seq).code == 0
    assert messages_left(world) == 0
    assert len(world.dead_letters()) == len(world.events()) == 1


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("DATABASE__DSN", "postgresql://soloface@127.0.0.1:1/soloface", "Connection refused"),
        ("NATS__URL", "nats://127.0.0.1:1", "SOLOFACE_NATS__URL"),
    ],
)
def test_without_a_server_nothing_is_done(  # noqa: PLR0913, PLR0917 - fixtures and a table
    world: World,
    soloface: Soloface,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    words: str,
) -> None:
    _, seq = waiting(world)
    with monkeypatch.context() as away:
        away.setenv(PREFIX + variable, value)
        done = soloface("dlq", "bury", seq)
    assert done.code == 1
    assert words in done.err
    assert len(done.err.splitlines()) == 1
    assert messages_left(world) == 1
    assert world.dead_letters() == []
