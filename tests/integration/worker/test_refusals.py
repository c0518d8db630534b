"""The store refuses some photos, or all: the first are rejected one by one, the others wait."""

from __future__ import annotations

from functools import partial
from http.server import BaseHTTPRequestHandler

import orjson
import pytest

from dataflow.jobs.reason import Reason
from soloface.cli.demo.changes import scaled
from soloface.cli.demo.people import ENROLLED
from tests.faults.store_faults import FaultyStore
from tests.fixtures.refusals import (
    BUSY,
    ODD_BODIES,
    S3_ERRORS,
    ReadOnlyLogin,
    deny_everything,
    key_of,
)
from tests.fixtures.worker import Log, MakeWorld, RunWorker, Soloface
from tests.world import Photo, World, eventually

IMAGE = scaled(ENROLLED[0].portrait(), 0.7)
GOOD = 12
FETCHERS = 16


def good_photos(world: World, count: int = GOOD) -> list[Photo]:
    world.enrol(*ENROLLED)
    return world.photos(IMAGE, count)


def bad_photos(world: World, keys: list[str]) -> list[Photo]:
    photos = world.photos(None, len(keys))
    return [Photo(photo.id, key) for photo, key in zip(photos, keys, strict=True)]


def deny_most(there: str) -> ReadOnlyLogin:
    return ReadOnlyLogin(lambda key: key == there)


def test_each_refusal_ends_its_own_job_and_no_other(
    world: World, refusing_store: FaultyStore, run_worker: RunWorker, log: Log
) -> None:
    lasting = [(status, code) for status, codes in S3_ERRORS.items() for code in codes]
    lasting += [(status, body) for status in (400, 403, 404) for body in ODD_BODIES]
    passing = [(status, code) for status, codes in BUSY.items() for code in codes]
    refusals = lasting + passing
    bad = bad_photos(world, [key_of(*refusal) for refusal in refusals])
    good = good_photos(world, len(bad))
    mixed = [photo for pair in zip(bad, good, strict=True) for photo in pair]
    sequences = world.publish(*(photo.job() for photo in mixed))

    worker = run_worker(
        STORE__ENDPOINT=refusing_store.address, NATS__MAX_DELIVER="2", NATS__RETRY_DELAY_S="0.1"
    )
    log.wait_settled(sequences)
    worker.stop()

    ends = {line["photo_id"]: line for line in log.settled}
    assert {ends[str(photo.id)]["reason"] for photo in good} == {Reason.MATCHED}
    for (status, word), photo in zip(refusals, bad, strict=True):
        line = ends[str(photo.id)]
        assert line["outcome"] == "rejected"
        if (status, word) in passing:
            assert line["reason"] == Reason.ATTEMPTS_EXHAUSTED
            continue
        assert line["reason"] in {Reason.IMAGE_UNREADABLE, Reason.IMAGE_NOT_FOUND}
        assert photo.key in line["detail"]
        assert (str(status) if word in ODD_BODIES else word) in line["detail"]
    assert len(world.dead_letters()) == len(bad)
    assert not log.events("dependency_unusable")  # so it was ready all the time
    world.assert_nothing_is_left()


def test_a_key_with_two_slashes_is_no_reference(
    world: World, run_worker: RunWorker, log: Log
) -> None:
    (photo,) = bad_photos(world, ["double//slash.jpg"])
    sequences = world.publish(photo.job())
    worker = run_worker()
    log.wait_settled(sequences)
    worker.stop()
    assert list(log.reasons().values()) == [Reason.INVALID_IMAGE_REF]


def test_missing_photos_of_a_login_that_may_only_get_objects_stop_nobody(
    world: World, refusing_store: FaultyStore, run_worker: RunWorker, log: Log
) -> None:
    """More than there are fetchers, and before anything was read."""
    good = good_photos(world)
    bad = bad_photos(world, [f"missing/{number}.jpg" for number in range(FETCHERS + 4)])
    refusing_store.behave(deny_most(good[0].key))
    sequences = world.publish(*(photo.job() for photo in [*bad, *good]))

    worker = run_worker(STORE__ENDPOINT=refusing_store.address, NATS__RETRY_DELAY_S="0.5")
    log.wait_settled(sequences)
    worker.stop()

    ends = {line["photo_id"]: line for line in log.settled}
    assert {ends[str(photo.id)]["reason"] for photo in good} == {Reason.MATCHED}
    assert {ends[str(photo.id)]["reason"] for photo in bad} == {Reason.IMAGE_UNREADABLE}
    assert all("missing or forbidden" in ends[str(photo.id)]["detail"] for photo in bad)
    assert not log.events("dependency_unusable")

    # A new process knows from the database what could be read.
    again = world.publish(*(photo.job() for photo in bad_photos(world, ["missing/x.jpg"] * 20)))
    worker = run_worker(STORE__ENDPOINT=refusing_store.address)
    log.wait_settled(again)
    worker.stop()
    assert {log.reasons()[seq] for seq in again} == {Reason.IMAGE_UNREADABLE}
    assert {line["deliveries"] for line in log.settled if line["stream_seq"] in again} == {1}


@pytest.mark.parametrize("killed", [False, True])
def test_no_job_is_blamed_for_rights_that_were_taken_away(
    make_world: MakeWorld,
    refusing_store: FaultyStore,
    run_worker: RunWorker,
    log: Log,
    killed: bool,  # noqa: FBT001 - a table's column
) -> None:
    world = make_world(NATS__ACK_WAIT_S="2")
    good = good_photos(world, 2 * GOOD)
    first = world.publish(*(photo.job() for photo in good[:GOOD]))
    worker = run_worker(STORE__ENDPOINT=refusing_store.address)
    log.wait_settled(first)
    refusing_store.behave(deny_everything)
    rest = world.publish(*(photo.job() for photo in good[GOOD:]))
    log.wait(lambda: bool(log.events("job_held")))
    if killed:
        for _ in range(2):
            worker.kill()
            worker = run_worker(STORE__ENDPOINT=refusing_store.address)
            log.wait(partial(log.events, "job_held", worker=worker.pid))

    held = log.events("job_held")[0]
    assert held["photo_id"] in {str(photo.id) for photo in good[GOOD:]}
    assert held["image_ref"] == good[0].key
    assert held["stream_seq"] in rest
    refusing_store.behave(None)
    log.wait_settled(rest)
    worker.stop()

    assert set(log.reasons().values()) == {Reason.MATCHED}
    assert log.events("dependency_back", dependency="object store")
    world.assert_nothing_is_left()


def test_a_held_job_that_is_buried_by_hand_is_let_go_of(
    world: World, refusing_store: FaultyStore, run_worker: RunWorker, log: Log, soloface: Soloface
) -> None:
    first, second = good_photos(world, 2)
    refusing_store.behave(deny_objects)
    sequences = world.publish(first.job(), second.job())
    worker = run_worker(STORE__ENDPOINT=refusing_store.address, NATS__RETRY_DELAY_S="0.1")
    log.wait(lambda: bool(log.events("job_held")))

    done = soloface("dlq", "bury", sequences[0], "--why", "it is of no use", "--by", "Eva")

    assert done.out == f"buried {sequences[0]} of photo {first.id}\n"
    log.wait(lambda: bool(log.events("job_let_go", stream_seq=sequences[0])))
    refusing_store.behave(None)
    log.wait_settled(sequences[1:])
    worker.stop()
    assert log.reasons() == {sequences[1]: Reason.MATCHED}
    outcome = world.rows("face_match_outcomes")[first.id]
    assert (outcome["outcome"], outcome["reason"]) == ("rejected", "buried")
    assert outcome["detail"] == "rejected by hand by Eva: it is of no use"
    (letter,) = world.dead_letters()
    assert letter.headers is not None
    assert letter.headers["Soloface-Reason"] == "buried"
    events = {orjson.loads(e.data or b"")["stream_seq"]: e for e in world.events()}
    assert orjson.loads(events[sequences[0]].data or b"")["reason"] == "buried"
    assert len(world.events()) == 2
    eventually(world.is_empty, "the server knows of it")
    world.assert_nothing_is_left()


def deny_objects(request: BaseHTTPRequestHandler) -> bool:
    """The rights on the bucket are left, and those on what is in it are gone."""
    return "list-type" not in request.path and deny_everything(request)
