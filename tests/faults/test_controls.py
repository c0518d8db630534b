"""Workers with a mistake each: the checker must find what it does."""

from __future__ import annotations

import os
import signal

import pytest

from dataflow.jobs.reason import Reason
from tests.faults.lab import Lab, wait_for
from tests.faults.ledger import Wanted
from tests.patience import LONG_TEST_S

pytestmark = pytest.mark.timeout(LONG_TEST_S)

one_is_enough = pytest.mark.skipif(
    "TEST_FAULTS" not in os.environ, reason="set TEST_FAULTS to run all controls"
)
"""In each run: that the checker sees anything at all."""


def test_a_worker_that_acknowledges_before_it_commits_loses_jobs(lab: Lab) -> None:
    with lab.scene({"NATS__ACK_WAIT_S": "1"}) as scene:
        scene.ledger.publish(scene.ledger.good(1))
        worker = scene.start(how="ack_before_commit,before_commit:1")
        assert worker.ended() == -signal.SIGKILL

        verdict = scene.verdict()

    assert verdict.lost == ("job 1 has left no trace",)
    assert not verdict.wrong


@one_is_enough
def test_a_worker_that_gives_up_before_it_has_buried_loses_dead_letters(lab: Lab) -> None:
    with lab.scene({"NATS__ACK_WAIT_S": "1"}) as scene:
        scene.ledger.publish(scene.ledger.bad(Reason.IMAGE_NOT_FOUND, "nowhere.jpg"))
        worker = scene.start(how="term_before_burying")
        assert worker.ended() == -signal.SIGKILL

        verdict = scene.verdict()

    assert verdict.lost == ("job 1 has no dead letter",)
    assert "dead letters: {}" in verdict.problems


@one_is_enough
def test_dead_letters_without_an_id_are_doubled(lab: Lab) -> None:
    with lab.scene({"NATS__ACK_WAIT_S": "1"}) as scene:
        scene.ledger.publish(scene.ledger.bad(Reason.IMAGE_NOT_FOUND, "nowhere.jpg"))
        workers = [scene.start(how="nameless_letters,before_term:1") for _ in range(2)]
        assert [worker.ended() for worker in workers] == [-signal.SIGKILL] * 2

        verdict = scene.verdict()

    assert verdict.doubled == ("job 1 has 2 dead letters",)


@one_is_enough
def test_a_worker_without_heartbeats_does_work_again(lab: Lab) -> None:
    with lab.scene({"NATS__ACK_WAIT_S": "1"}) as scene:
        (photo,) = scene.ledger.photos(1)
        users = frozenset(scene.ledger.users.values())
        with scene.world.locked(photo):
            scene.ledger.publish([Wanted(photo.job(), photo.id, users=users)])
            worker = scene.start(how="no_heartbeats")
            wait_for(lambda: scene.verdict().redelivered > 0, "the job comes again")
        scene.wait_until_done()
        worker.stop()
        verdict = scene.verdict()

    assert verdict.redelivered > 0
    assert not verdict.problems


@one_is_enough
def test_a_worker_that_forgets_changes_of_tags_untold_makes_the_feed_untrue(lab: Lab) -> None:
    with lab.scene({}) as scene:
        (photo,) = scene.ledger.photos(1)
        users = frozenset(scene.ledger.users.values())
        scene.ledger.publish([Wanted(photo.job(), photo.id, users=users)])
        worker = scene.start(how="forgotten_changes")
        scene.wait_until_done()
        worker.stop()
        verdict = scene.verdict()

    assert not verdict.lost
    (problem,) = verdict.wrong
    assert f"face 0 of photo {photo.id} is told as None and is" in problem


@one_is_enough
def test_writers_that_do_not_lock_match_a_photo_twice(lab: Lab) -> None:
    with lab.scene({"WORKER__BATCH": "1"}) as scene:
        (photo,) = scene.ledger.photos(1)
        workers = [scene.start(how="no_lock") for _ in range(2)]
        jobs = [Wanted(photo.job(face_index=index), photo.id) for index in range(len(workers))]
        wait_for(lambda: (scene.world.consumer().num_waiting or 0) >= len(workers), "both pull")
        scene.ledger.publish(jobs)
        scene.wait_until_done()
        for worker in workers:
            worker.stop()
        verdict = scene.verdict()

    assert f"photo {photo.id} has 2 matches" in verdict.doubled
    assert not verdict.lost
