"""One job at a time through the real worker, where its circumstances are the point."""

from __future__ import annotations

import pytest

from dataflow.jobs.reason import Reason
from soloface.cli.demo.changes import jpeg
from soloface.cli.demo.people import ENROLLED, STRANGERS
from tests.fixtures.worker import Log, RunWorker
from tests.world import World


def test_a_job_may_overtake_the_transaction_that_inserts_its_photo(
    world: World, run_worker: RunWorker, log: Log
) -> None:
    world.enrol(ENROLLED[0])
    photo = world.photo(jpeg(ENROLLED[0].portrait()), listed=False)
    worker = run_worker(WORKER__PHOTO_GRACE_S="2")
    log.wait(lambda: bool(log.events("worker_starts")))
    (sequence,) = world.publish(photo.job())
    log.wait(lambda: bool(log.events("job_sent_back", stream_seq=sequence)))

    world.list_photos([photo])
    log.wait_settled([sequence])
    worker.stop()

    assert log.reasons() == {sequence: Reason.MATCHED}
    assert log.settled[0]["deliveries"] > 1


def test_without_a_limit_a_stranger_gets_the_nearest_user_and_the_threshold_is_reported(
    world: World, run_worker: RunWorker, log: Log
) -> None:
    world.enrol(*ENROLLED)
    image = jpeg(STRANGERS[0].portrait())
    photo = world.photo(image)
    face = world.recognise(image)
    distances = {user: 1 - float(v @ face.embedding) for user, v in world.gallery().items()}

    worker = run_worker()
    log.wait_settled(world.publish(photo.job()))
    worker.stop()

    (line,) = log.settled
    nearest = min(distances, key=distances.__getitem__)
    assert (line["reason"], line["user_id"]) == (Reason.MATCHED, str(nearest))
    assert line["within_threshold"] is False
    assert line["distance"] == pytest.approx(distances[nearest], abs=1e-4)
    assert world.rows("face_match_outcomes")[photo.id]["within_threshold"] is False
