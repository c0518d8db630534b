"""`soloface doctor` reads a real object, and names the jobs that are held."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from connectors.jetstream.held import oldest_in_work
from dataflow.settings import PREFIX
from soloface.cli.demo.changes import scaled
from soloface.cli.demo.people import ENROLLED
from soloface.cli.doctor import held
from tests.examination import details, unhealthy, warnings
from tests.faults.store_faults import FaultyStore
from tests.fixtures.refusals import ReadOnlyLogin
from tests.fixtures.worker import Log, RunWorker, Soloface
from tests.world import World

IMAGE = scaled(ENROLLED[0].portrait(), 0.7)


def test_one_real_object_is_read_that_somebody_asked_for(world: World, soloface: Soloface) -> None:
    photo = world.photo(IMAGE)

    done = soloface("doctor", "--json", "--object", photo.key)

    bucket = world.settings.store.bucket
    assert details(done, "object store")[-1] == f"read {bucket}/{photo.key}, {len(IMAGE)} bytes"


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("missing.jpg", "missing.jpg cannot be read: image_not_found: no such object: NoSuchKey"),
        ("a//b.jpg", "a//b.jpg cannot be read: invalid_image_ref: "),
        ("https://h/a.jpg", "https://h/a.jpg cannot be read: invalid_image_ref: "),
    ],
)
@pytest.mark.usefixtures("world")
def test_an_object_that_cannot_be_read_is_found(soloface: Soloface, key: str, words: str) -> None:
    found = unhealthy(soloface("doctor", "--json", "--object", key))
    assert found.keys() == {"object store"}
    assert found["object store"].startswith(words)


def test_else_it_is_the_newest_that_was_read_or_that_a_job_or_a_letter_names(
    world: World, soloface: Soloface, run_worker: RunWorker, log: Log
) -> None:
    assert any(
        "no object was read" in warning for warning in warnings(soloface("doctor", "--json"))
    )
    world.enrol(*ENROLLED)
    waiting = world.photo(IMAGE)
    (seq,) = world.publish(waiting.job())
    (detail,) = details(soloface("doctor", "--json"), "object store")[1:]
    assert detail.endswith("(the newest job that waits)")
    assert waiting.key in detail

    worker = run_worker()
    log.wait_settled([seq])
    worker.stop()
    (detail,) = details(soloface("doctor", "--json"), "object store")[1:]
    assert detail.endswith("(a photo whose face is recorded)")

    world.store.remove_object(world.settings.store.bucket, waiting.key)
    (warning,) = warnings(soloface("doctor", "--json"))
    assert "image_not_found" in warning
    assert "--object" in warning


def test_a_login_that_may_not_list_is_a_warning_and_one_that_may_read_nothing_is_bad(
    world: World,
    soloface: Soloface,
    refusing_store: FaultyStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    photo, other = world.photo(IMAGE), world.photo(IMAGE)
    monkeypatch.setenv(f"{PREFIX}STORE__ENDPOINT", refusing_store.address)
    refusing_store.behave(ReadOnlyLogin(lambda key: key == photo.key))

    done = soloface("doctor", "--json", "--object", photo.key)
    assert done.code == 0
    assert any("s3:ListBucket" in warning for warning in warnings(done))
    found = unhealthy(soloface("doctor", "--json", "--object", other.key))
    assert "AccessDenied" in found["object store"]


def test_a_job_that_is_held_is_named_with_the_way_on(
    world: World, soloface: Soloface, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert details(soloface("doctor", "--json"), "held jobs") == []
    photo = world.photo(IMAGE)
    world.publish(*(each.job() for each in (photo, *world.photos(None, 2))))
    assert details(soloface("doctor", "--json"), "held jobs") == ["no job is in work"]

    world.take(2)
    (young,) = details(soloface("doctor", "--json"), "held jobs")
    assert young.startswith("the oldest in work: job 1 of photo ")

    monkeypatch.setattr(held, "OLD", timedelta(0))
    monkeypatch.setattr(held, "LOOK_FOR_S", 0)
    (old,) = (line for line in warnings(soloface("doctor", "--json")) if "published" in line)
    assert old.startswith(f"job 1 of photo {photo.id}, image {photo.key} was published ")
    assert "(2 in work, 0 of them delivered more than once)" in old
    assert "soloface dlq bury 1" in old
    assert "soloface doctor --object KEY" in old


def test_an_old_job_is_not_held_if_the_next_one_is_the_oldest_soon(world: World) -> None:
    world.publish(*(photo.job() for photo in world.photos(None, 2)))
    taken = world.take(2)
    looks: list[int] = []

    async def settle_one(_: float) -> None:
        looks.append(1)
        if len(looks) > 1:
            return
        await asyncio.to_thread(world.answer, taken[0], b"+ACK")

    found = asyncio.run(oldest_in_work(world.settings.nats, timedelta(0), 60, settle_one))
    assert found is not None
    assert (found.stream_seq, found.stays) == (2, False)
    assert looks
