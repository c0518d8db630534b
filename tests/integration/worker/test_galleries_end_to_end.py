"""Galleries from a job to the event, the tag and the feed, with a real worker."""

from __future__ import annotations

import orjson

from dataflow.tags.change import Change
from soloface.cli.demo.changes import jpeg
from soloface.cli.demo.people import ENROLLED
from tests.feed import feed
from tests.fixtures.worker import Log, RunWorker, Soloface
from tests.world import World, eventually

ANA, BEA = ENROLLED[:2]


def test_a_photo_shows_members_of_its_gallery_and_follows_them(
    world: World, run_worker: RunWorker, soloface: Soloface, log: Log
) -> None:
    ana, bea = world.enrol(ANA, BEA).values()
    assert soloface("gallery", "add", "hall", ana, "--by", "Olga").code == 0
    assert soloface("gallery", "add", "school", bea).code == 0
    first, second, third = (world.photo(jpeg(ANA.portrait())) for _ in range(3))
    sequences = world.publish(
        first.job(gallery="hall"), second.job(gallery="school"), third.job(), b'{"gallery": 7}'
    )
    worker = run_worker(MATCH__GALLERY="required", MATCH__MAX_DISTANCE=str(world.pack.threshold))
    log.wait_settled(sequences)

    events = [orjson.loads(event.data or b"") for event in world.events()]
    told = {event["stream_seq"]: (event["reason"], event["gallery"]) for event in events}
    assert [told[sequence] for sequence in sequences] == [
        ("matched", "hall"),
        ("no_user_within_distance", "school"),
        ("missing_gallery", None),
        ("malformed_payload", None),
    ]
    assert world.rows("face_matches").keys() == {first.id}

    # Somebody joins the gallery of a photo that was there before.
    assert soloface("gallery", "add", "school", ana, "--by", "Olga").code == 0
    eventually(lambda: len(feed(world.settings.nats)) == 2, "the second tag is told")
    # And a photo goes to another gallery, without a look at its image.
    (moving,) = world.publish(first.job(gallery="school"))
    log.wait_settled([*sequences, moving])
    eventually(lambda: len(feed(world.settings.nats)) == 3, "the other gallery is told")
    worker.stop()

    assert log.reasons()[moving] == "already_matched"
    changes = [
        (one.photo_id, one.change, one.user_id, one.gallery, one.cause, one.by)
        for one in feed(world.settings.nats)
    ]
    assert changes == [
        (first.id, Change.GAINED, ana, "hall", "job", None),
        (second.id, Change.GAINED, ana, "school", "rematch", "Olga"),
        (first.id, Change.REMEASURED, ana, "school", "job", None),
    ]
