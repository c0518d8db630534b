"""kill -9 and lost answers: nothing is lost, nothing is doubled."""

from __future__ import annotations

import threading
from uuid import UUID

import pytest

from connectors.postgres.connection import Database
from connectors.postgres.photos.recorder import Recorder
from dataflow.jobs.job import parse_job
from dataflow.jobs.outcome import Settled
from dataflow.jobs.reason import Reason
from dataflow.process.retry import LinearBackoff, Persistence
from dataflow.steps.matching import MatchPolicy
from dataflow.steps.request import Recognised
from soloface.cli.demo.changes import jpeg, scaled
from soloface.cli.demo.people import ENROLLED
from tests.fixtures.worker import Log, MakeWorld, RunWorker
from tests.world import World, eventually

JOBS = 40
PERSISTENCE = Persistence(LinearBackoff(tries=5, step_s=0.1), threading.Event())


@pytest.fixture
def hasty_world(make_world: MakeWorld) -> World:
    """A world whose server soon takes a silent worker for dead."""
    world = make_world(NATS__ACK_WAIT_S="2")
    world.enrol(*ENROLLED)
    return world


def test_nothing_is_lost_or_doubled_when_a_worker_is_killed(
    hasty_world: World, run_worker: RunWorker, log: Log
) -> None:
    world = hasty_world
    photos = world.photos(scaled(ENROLLED[0].portrait(), 0.7), JOBS)
    world.publish(*(photo.job() for photo in photos))
    victim = run_worker(4, WORKER__BATCH="2")
    log.wait(lambda: len(log.settled) >= 4)
    victim.kill()
    eventually(lambda: not world.someone_is_connected(), "PostgreSQL notices")
    committed = world.rows("face_match_outcomes")
    assert len(committed) < JOBS
    said_before = {UUID(line["photo_id"]) for line in log.settled}

    heir = run_worker(2)
    eventually(world.is_empty, "everything is settled")
    heir.stop()

    assert said_before <= committed.keys()
    for line in log.settled:
        assert line["reason"] == Reason.MATCHED
        if line["worker"] == heir.pid:
            photo_id = UUID(line["photo_id"])
            assert photo_id not in said_before
            assert line.get("repeated", False) == (photo_id in committed)
    ids = {photo.id for photo in photos}
    assert world.rows("photo_faces").keys() == world.rows("face_matches").keys() == ids
    outcomes = world.rows("face_match_outcomes")
    assert outcomes.keys() == ids
    assert all(outcomes[photo_id] == row for photo_id, row in committed.items())
    world.assert_nothing_is_left()


def test_a_job_whose_answer_was_lost_reports_its_first_outcome_again(
    hasty_world: World, run_worker: RunWorker, log: Log
) -> None:
    world = hasty_world
    matched, faceless = world.photo(), world.photo()
    sequences = world.publish(matched.job(), faceless.job())
    recorded = record_and_die(world, jpeg(ENROLLED[1].portrait()))
    before = [world.rows(table) for table in ("face_matches", "face_match_outcomes")]
    assert [settled.reason for settled in recorded] == [Reason.NO_FACE, Reason.MATCHED]

    worker = run_worker()
    log.wait_settled(sequences)
    worker.stop()

    assert log.reasons() == dict(zip(sequences, (Reason.MATCHED, Reason.NO_FACE), strict=True))
    for line in log.settled:
        assert line["repeated"] is True
        assert line["deliveries"] == 2
    (line,) = log.events("job_settled", reason="matched")
    (match,) = world.rows("face_matches").values()
    assert line["user_id"] == str(match["user_id"])
    assert before == [world.rows(table) for table in ("face_matches", "face_match_outcomes")]
    world.assert_nothing_is_left()


def record_and_die(world: World, image: bytes) -> list[Settled]:
    """Be a worker that commits two jobs and falls before it can answer."""
    first, second = world.take(2)
    policy = MatchPolicy(world.pack.threshold)
    database = Database(world.settings.database)
    recorder = Recorder(database, PERSISTENCE, policy, world.pack.contract.id)
    face = world.recognise(image)
    try:
        return recorder.record(
            [
                Recognised(first, parse_job(first.payload), face),
                Settled(second, parse_job(second.payload), Reason.NO_FACE),
            ]
        )
    finally:
        database.close()
