"""Several workers on one durable consumer."""

from __future__ import annotations

from dataflow.jobs.reason import Reason
from soloface.cli.demo.changes import scaled
from soloface.cli.demo.people import ENROLLED
from tests.fixtures.worker import Log, RunWorker
from tests.world import World

JOBS = 40


def test_two_processes_share_a_stream_and_settle_everything_once(
    world: World, run_worker: RunWorker, log: Log
) -> None:
    world.enrol(*ENROLLED)
    photos = world.photos(scaled(ENROLLED[0].portrait(), 0.7), JOBS)
    workers = [run_worker(WORKER__BATCH="2") for _ in range(2)]
    log.wait(lambda: len(log.events("worker_starts")) == len(workers))
    world.publish(photos[0].job(), photos[1].job())  # they pull once these are settled
    log.wait(lambda: len(log.settled) == 2)

    sequences = world.publish(*(photo.job() for photo in photos[2:]))
    log.wait_settled(sequences)
    for worker in workers:
        worker.stop()

    assert set(log.reasons().values()) == {Reason.MATCHED}
    assert len(log.settled) == JOBS
    assert {line["worker"] for line in log.settled} == {worker.pid for worker in workers}
    assert {line["deliveries"] for line in log.settled} == {1}
    assert len(world.rows("face_matches")) == JOBS
    world.assert_nothing_is_left()


def test_two_jobs_for_a_photo_in_two_processes_make_one_match(
    world: World, run_worker: RunWorker, log: Log
) -> None:
    world.enrol(*ENROLLED)
    photos = world.photos(scaled(ENROLLED[1].portrait(), 0.7), 10)
    workers = [run_worker(WORKER__BATCH="1") for _ in range(2)]
    log.wait(lambda: len(log.events("worker_starts")) == len(workers))

    jobs = [photo.job(face_index=index) for photo in photos for index in range(2)]
    log.wait_settled(world.publish(*jobs))
    for worker in workers:
        worker.stop()

    reasons = list(log.reasons().values())
    assert reasons.count(Reason.MATCHED) == len(photos)
    assert set(reasons) <= {Reason.MATCHED, Reason.ALREADY_MATCHED, Reason.DUPLICATE_IN_FLIGHT}
    assert world.rows("face_matches").keys() == {photo.id for photo in photos}
    assert {row["reason"] for row in world.rows("face_match_outcomes").values()} == {"matched"}
