"""A picture that kills every worker that decodes it, among others that were pulled with it."""

from __future__ import annotations

import signal

import pytest

from dataflow.jobs.reason import Reason
from soloface.cli.demo.changes import scaled
from soloface.cli.demo.people import ENROLLED
from tests.fixtures.worker import Log, MakeWorld, RunWorker
from tests.patience import PATIENCE_S
from tests.places import REPOSITORY
from tests.world import World, eventually

DEADLY = b"this picture kills its decoder"
HOOKS = REPOSITORY / "tests/hooks"
MAX_DELIVER = 4


@pytest.fixture
def world(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world in which pictures can be deadly, and crashes are soon over."""
    monkeypatch.setenv("PYTHONPATH", str(HOOKS / "deadly"))
    world = make_world(NATS__ACK_WAIT_S="1", NATS__MAX_DELIVER=str(MAX_DELIVER))
    world.enrol(*ENROLLED)
    return world


def test_a_picture_that_kills_is_given_up_and_all_others_are_matched(
    world: World, run_worker: RunWorker, log: Log
) -> None:
    image = scaled(ENROLLED[0].portrait(), 0.7)
    photos = world.photos(image, 12)
    deadly = world.photo(image + DEADLY)
    jobs, deadly_job = [photo.job() for photo in photos], deadly.job()
    world.publish(*jobs[:6], deadly_job, *jobs[6:])

    for _ in range(MAX_DELIVER):
        assert run_worker()._process.wait(PATIENCE_S) == -signal.SIGKILL
    worker = run_worker()
    eventually(world.is_empty, "everything is settled")
    worker.stop()

    outcomes = world.rows("face_match_outcomes")
    assert outcomes.pop(deadly.id)["reason"] == Reason.ATTEMPTS_EXHAUSTED
    assert outcomes.keys() == {photo.id for photo in photos}
    assert {row["reason"] for row in outcomes.values()} == {Reason.MATCHED}
    (letter,) = world.dead_letters()
    assert letter.data == deadly_job
    (line,) = log.events("job_settled", reason="attempts_exhausted")
    assert line["deliveries"] == MAX_DELIVER + 1
    world.assert_nothing_is_left()
