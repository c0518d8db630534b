"""A dependency goes away while jobs are in work: they are kept, and settle when it is back."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from connectors.embedded import NatsServer, ObjectServer, PostgresServer
from dataflow.jobs.reason import Reason
from soloface.cli.demo.changes import scaled
from soloface.cli.demo.people import ENROLLED
from tests.fixtures.worker import Log, MakeWorld, RunWorker
from tests.world import Photo, World, eventually

ACK_WAIT_S = 2
LONG_S = 3.5 * ACK_WAIT_S
JOBS = 6
IMAGE = scaled(ENROLLED[0].portrait(), 0.7)


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


def furnished(world: World) -> list[Photo]:
    world.enrol(*ENROLLED)
    return world.photos(IMAGE, JOBS)


def assert_kept_for_long(world: World) -> None:
    """Nothing is redelivered, for several times as long as the server waits for a sign of life."""
    end = time.monotonic() + LONG_S
    while time.monotonic() < end:
        assert world.consumer().num_redelivered == 0
        time.sleep(0.1)


def assert_all_settled_at_the_first_delivery(log: Log, world: World) -> None:
    assert list(log.reasons().values()) == [Reason.MATCHED] * JOBS
    assert [line["deliveries"] for line in log.settled] == [1] * JOBS
    assert len(world.rows("face_matches")) == JOBS
    world.assert_nothing_is_left()


def test_jobs_survive_a_database_outage_in_the_middle_of_a_write(
    make_world: MakeWorld, own_postgres: PostgresServer, run_worker: RunWorker, log: Log
) -> None:
    world = make_world(postgres=own_postgres, NATS__ACK_WAIT_S=str(ACK_WAIT_S))
    photos = furnished(world)
    worker = run_worker(2)
    with world.locked(photos[0]):
        sequences = world.publish(*(photo.job() for photo in photos))
        eventually(world.someone_waits_for_a_lock, "the worker writes")
        own_postgres.stop()
        log.wait(lambda: bool(log.events("dependency_unusable", dependency="PostgreSQL")))
        assert_kept_for_long(world)
        own_postgres.start()
    log.wait_settled(sequences)
    worker.stop()

    assert log.events("dependency_back", dependency="PostgreSQL")
    assert_all_settled_at_the_first_delivery(log, world)


def test_a_worker_ends_and_hands_back_its_jobs_while_the_database_is_down(
    make_world: MakeWorld, own_postgres: PostgresServer, run_worker: RunWorker, log: Log
) -> None:
    world = make_world(postgres=own_postgres, NATS__ACK_WAIT_S="300")
    photos = furnished(world)
    worker = run_worker(WORKER__BATCH="2")
    with world.locked(photos[0]):
        sequences = world.publish(*(photo.job() for photo in photos))
        eventually(world.someone_waits_for_a_lock, "the worker writes")
        own_postgres.stop()
        log.wait(lambda: bool(log.events("dependency_unusable")))

        worker.stop()

    # Photos that were computed before the locked one may have been written before it.
    open_jobs = sorted(set(sequences) - {line["stream_seq"] for line in log.settled})
    assert sequences[0] in open_jobs
    assert sorted(came.stream_seq for came in world.take(len(open_jobs))) == open_jobs


def test_jobs_wait_for_the_object_store(
    make_world: MakeWorld, run_worker: RunWorker, log: Log
) -> None:
    with ObjectServer() as objects:
        world = make_world(objects=objects, NATS__ACK_WAIT_S=str(ACK_WAIT_S))
        photos = furnished(world)
        worker = run_worker()
        log.wait(lambda: bool(log.events("worker_starts")))
        objects.stop()
        sequences = world.publish(*(photo.job() for photo in photos))
        log.wait(lambda: bool(log.events("dependency_unusable", dependency="object store")))
        assert_kept_for_long(world)
        objects.start()
        log.wait_settled(sequences)
        worker.stop()

    assert log.events("dependency_back", dependency="object store")
    assert_all_settled_at_the_first_delivery(log, world)


def test_a_worker_ends_and_hands_back_its_jobs_while_the_object_store_is_down(
    make_world: MakeWorld, run_worker: RunWorker, log: Log
) -> None:
    with ObjectServer() as objects:
        world = make_world(objects=objects, NATS__ACK_WAIT_S="300")
        photos = furnished(world)
        worker = run_worker()
        log.wait(lambda: bool(log.events("worker_starts")))
        objects.stop()
        sequences = world.publish(*(photo.job() for photo in photos))
        log.wait(lambda: bool(log.events("dependency_unusable")))

        worker.stop()

    assert not log.settled
    assert sorted(delivery.stream_seq for delivery in world.take(JOBS)) == sequences


def test_jobs_survive_a_crash_of_nats(
    make_world: MakeWorld, run_worker: RunWorker, log: Log
) -> None:
    with NatsServer() as nats:
        world = make_world(nats=nats, NATS__ACK_WAIT_S="2")
        photos = furnished(world)
        worker = run_worker(WORKER__BATCH="2")
        with world.locked(photos[0]):
            world.publish(*(photo.job() for photo in photos))
            eventually(world.someone_waits_for_a_lock, "the worker writes")
            nats.kill()
            log.wait(lambda: bool(log.events("nats_disconnected")))
            nats.start()
            log.wait(lambda: bool(log.events("nats_reconnected")))
        eventually(world.is_empty, "everything is settled")
        worker.stop()
        world.assert_nothing_is_left()

    assert world.rows("face_matches").keys() == {photo.id for photo in photos}
    outcomes = world.rows("face_match_outcomes")
    assert {row["reason"] for row in outcomes.values()} == {Reason.MATCHED}


def test_a_worker_ends_while_nats_is_down(
    make_world: MakeWorld, run_worker: RunWorker, log: Log
) -> None:
    with NatsServer() as nats:
        world = make_world(nats=nats)
        photos = furnished(world)
        worker = run_worker(WORKER__BATCH="2")
        with world.locked(photos[0]):
            world.publish(*(photo.job() for photo in photos))
            eventually(world.someone_waits_for_a_lock, "the worker writes")
            nats.stop()
            log.wait(lambda: bool(log.events("nats_disconnected")))
            worker.tell()
            log.wait(lambda: bool(log.events("draining")))
        assert worker.ended() == 0
