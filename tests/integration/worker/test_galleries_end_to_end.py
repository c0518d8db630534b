"""Galleries from a job to the event, the tag and the feed, with a real worker."""

from __future__ import annotations

from functools import partial
from typing import LiteralString
from uuid import UUID

import orjson

from dataflow.tags.change import Change
from soloface.cli.demo.changes import jpeg
from soloface.cli.demo.people import ENROLLED
from tests.feed import assert_the_feed_is_true, feed
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
    _write_members_by_sql(world, ana)
    worker.stop()

    assert log.reasons()[moving] == "already_matched"
    assert {line["stream_seq"]: line.get("gallery") for line in log.settled} == {
        **dict(zip(sequences, ("hall", "school", None, None), strict=True)),
        moving: "school",
    }
    dsn = world.settings.database.dsn.get_secret_value()
    changes = [
        (one.photo_id, one.change, one.user_id, one.gallery, one.cause, one.by)
        for one in assert_the_feed_is_true(world.settings.nats, dsn)
    ]
    assert changes[:3] == [
        (first.id, Change.GAINED, ana, "hall", "job", None),
        (second.id, Change.GAINED, ana, "school", "rematch", "Olga"),
        (first.id, Change.REMEASURED, ana, "school", "job", None),
    ]
    assert [(one, cause) for _, one, _, _, cause, _ in changes[3:]] == [
        (one, "rematch") for one in ("lost", "lost", "gained", "gained", "lost", "lost")
    ]


def _write_members_by_sql(world: World, user: UUID) -> None:
    """The platform takes somebody out of all galleries, puts them back, and empties the table."""
    both = set(world.rows("face_matches"))
    steps: list[tuple[LiteralString, set[UUID]]] = [
        ("delete from face_gallery_members where user_id = %(user)s", set()),
        ("insert into face_gallery_members (gallery, user_id) values ('school', %(user)s)", both),
        ("truncate face_gallery_members", set()),
    ]
    for statement, tagged in steps:
        with world.database() as connection:
            connection.execute(statement, {"user": user})
        eventually(partial(_are_tagged, world, tagged), statement)


def _are_tagged(world: World, photos: set[UUID]) -> bool:
    return set(world.rows("face_matches")) == photos
