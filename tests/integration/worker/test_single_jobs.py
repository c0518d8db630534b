"""One job at a time through the real worker, where its circumstances are the point."""

from __future__ import annotations

import pytest

from dataflow.jobs.reason import Reason
from soloface.cli.demo.changes import jpeg
from soloface.cli.demo.people import ENROLLED, GROUP, STRANGERS, load_picture
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


def test_a_jobs_box_chooses_a_face_of_a_group_where_the_setting_says_so(
    world: World, run_worker: RunWorker, log: Log
) -> None:
    """Also the same job once more gives the same answer, and the photo still has one match."""
    ids = world.enrol(*ENROLLED)
    group = jpeg(load_picture(GROUP))
    ana, bea = ENROLLED[:2]
    photos = world.photos(group, 3)
    boxes = [dict(zip(("x1", "y1", "x2", "y2"), box, strict=True)) for box in (ana.face, bea.face)]
    nowhere = {"x1": 0, "y1": 0, "x2": 50, "y2": 50}

    worker = run_worker(MODEL__CHOOSE_BY_BBOX="true")
    jobs = [photo.job(bbox=bbox) for photo, bbox in zip(photos, [*boxes, nowhere], strict=True)]
    sequences = world.publish(*jobs)
    log.wait_settled(sequences)
    again = world.publish(photos[0].job(bbox=boxes[1]), jobs[2])
    log.wait_settled(again)
    worker.stop()

    assert [log.reasons()[seq] for seq in (*sequences, *again)] == [
        Reason.MATCHED,
        Reason.MATCHED,
        Reason.NO_FACE_IN_BBOX,
        Reason.ALREADY_MATCHED,
        Reason.NO_FACE_IN_BBOX,
    ]
    tags = {photo: row["user_id"] for photo, row in world.rows("face_matches").items()}
    assert tags == {photos[0].id: ids[ana.name], photos[1].id: ids[bea.name]}
    assert (
        "fits no face; found on this photo of 1280x886 pixels: ("
        in (world.rows("face_match_outcomes")[photos[2].id]["detail"])
    )
