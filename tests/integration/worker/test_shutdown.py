"""SIGTERM and SIGINT: what is begun is finished, what is not is handed back, and the code is 0."""

from __future__ import annotations

import signal
import threading
from uuid import UUID

import orjson
import pytest

from dataflow.jobs.reason import Reason
from soloface.cli.demo.changes import scaled
from soloface.cli.demo.people import ENROLLED
from tests.answering import served
from tests.fixtures.worker import Log, MakeWorld, RunWorker
from tests.patience import PATIENCE_S
from tests.world import World, eventually

JOBS = 120  # more than all processes can have begun before they hear of the signal


@pytest.fixture
def patient_world(make_world: MakeWorld) -> World:
    """A world in which a job that is not handed back does not come again during the test."""
    world = make_world(NATS__ACK_WAIT_S="300")
    world.enrol(*ENROLLED)
    return world


def last_line(log: Log) -> dict[str, object]:
    line: dict[str, object] = orjson.loads(log.text.splitlines()[-1])
    return line


@pytest.mark.parametrize(("number", "threads"), [(signal.SIGTERM, 1), (signal.SIGINT, 4)])
def test_a_busy_worker_finishes_what_it_began_and_hands_back_the_rest(
    patient_world: World, run_worker: RunWorker, log: Log, number: signal.Signals, threads: int
) -> None:
    world = patient_world
    photos = world.photos(scaled(ENROLLED[0].portrait(), 0.7), JOBS)
    sequences = world.publish(*(photo.job() for photo in photos))
    worker = run_worker(threads, WORKER__BATCH="2")
    log.wait(lambda: len(log.settled) >= 4)
    worker.stop(number)

    assert len(log.events("draining", signal=number.name)) == 1
    assert last_line(log).items() >= {"event": "drained", "unanswered": 0}.items()
    first = {UUID(line["photo_id"]) for line in log.settled}
    assert len(first) < JOBS
    assert world.rows("face_match_outcomes").keys() == first
    assert world.rows("face_matches").keys() == first

    second = run_worker(2)
    log.wait_settled(sequences)
    second.stop()
    assert set(log.reasons().values()) == {Reason.MATCHED}
    assert world.rows("face_matches").keys() == {photo.id for photo in photos}
    world.assert_nothing_is_left()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_worker_ends(
    patient_world: World, run_worker: RunWorker, log: Log, number: signal.Signals
) -> None:
    worker = run_worker()
    log.wait_settled(patient_world.publish(b"no job"))

    worker.stop(number)

    assert len(log.events("draining", signal=number.name)) == 1
    assert last_line(log).items() >= {"event": "drained", "handed_back": 0, "unanswered": 0}.items()
    patient_world.assert_nothing_is_left()


def test_a_worker_ends_while_somebody_keeps_its_photo_locked(
    patient_world: World, run_worker: RunWorker, log: Log
) -> None:
    world = patient_world
    photo = world.photo(scaled(ENROLLED[0].portrait(), 0.7))
    worker = run_worker()
    with world.locked(photo):
        (sequence,) = world.publish(photo.job())
        eventually(world.someone_waits_for_a_lock, "the worker writes")

        worker.stop()

    assert log.events("job_sent_back", stream_seq=sequence)
    assert last_line(log).items() >= {"event": "drained", "handed_back": 1}.items()
    assert not world.rows("face_match_outcomes")
    assert [delivery.stream_seq for delivery in world.take()] == [sequence]


def test_a_second_signal_ends_the_worker_at_once(
    patient_world: World, run_worker: RunWorker, log: Log
) -> None:
    world = patient_world
    photo = world.photo(scaled(ENROLLED[0].portrait(), 0.7))
    worker = run_worker()
    with world.locked(photo):
        world.publish(photo.job())
        eventually(world.someone_waits_for_a_lock, "the worker writes")
        worker.tell(signal.SIGTERM)
        log.wait(lambda: bool(log.events("draining")))

        worker.tell(signal.SIGTERM)

        assert worker.ended() == 128 + signal.SIGTERM


def test_a_worker_ends_while_the_store_says_nothing(
    patient_world: World, run_worker: RunWorker, log: Log
) -> None:
    world, asked, over = patient_world, threading.Event(), threading.Event()

    def silent(_request: object) -> None:
        asked.set()
        over.wait()

    with served(silent) as endpoint:
        worker = run_worker(STORE__ENDPOINT=endpoint, STORE__READ_TIMEOUT_S="300")
        (sequence,) = world.publish(world.photo().job())
        assert asked.wait(PATIENCE_S)

        worker.stop()
        over.set()

    assert log.events("job_sent_back", stream_seq=sequence)
    assert [delivery.stream_seq for delivery in world.take()] == [sequence]
