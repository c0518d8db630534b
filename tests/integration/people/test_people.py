"""People by messages, on real servers: enrolled, told, found on photos that were there before."""

from __future__ import annotations

from collections import defaultdict
from uuid import UUID, uuid4

import pytest

from dataflow.persons.reason import PersonOutcome, PersonReason
from soloface.cli.demo.changes import CHANGES
from soloface.cli.demo.people import ENROLLED, Person
from tests.feed import feed, told_so_far
from tests.fixtures.worker import Log, RunWorker
from tests.selfies import Desk
from tests.world import Photo, World, eventually

ANA, BEA = ENROLLED[:2]


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world)


def test_a_message_enrols_and_is_told(desk: Desk, run_worker: RunWorker, log: Log) -> None:
    user = uuid4()
    worker = run_worker(flow="people")
    seq = desk.ask(user, desk.selfie(ANA), "no/such.jpg", consent="2026-01", request_id="r1")

    event = desk.event_of(seq)

    assert (event.user_id, event.request_id) == (user, "r1")
    assert (event.outcome, event.reason) == (PersonOutcome.ENROLLED, PersonReason.ENROLLED)
    assert [photo.reason for photo in event.photos] == ["used", "image_not_found"]
    assert desk.is_enrolled(user)
    log.wait(lambda: log.events("person_settled"))
    worker.stop()
    assert desk.left() == 0


def test_a_selfie_finds_the_photos_that_were_there_before(
    world: World, desk: Desk, run_worker: RunWorker, log: Log
) -> None:
    before = photo_of(world, ANA)
    run_worker(flow="all")
    log.wait_settled([world.publish(before.job())[0]])
    assert tags(world) == {}
    user = uuid4()

    desk.event_of(desk.ask(user, desk.selfie(ANA)))

    eventually(lambda: tags(world) == {before.id: user}, "the tag on the photo")
    eventually(lambda: bool(told_so_far(world.settings.nats)), "the change of the tag")
    (change,) = feed(world.settings.nats)
    assert (change.change, change.user_id) == ("gained", user)


def test_a_withdrawal_erases_and_holds(
    world: World, desk: Desk, run_worker: RunWorker, log: Log
) -> None:
    user, other = uuid4(), uuid4()
    shown = photo_of(world, ANA)
    run_worker(flow="all")
    desk.event_of(desk.ask(user, desk.selfie(ANA)))
    log.wait_settled(world.publish(shown.job()))
    eventually(lambda: tags(world) == {shown.id: user}, "the tag")

    gone = desk.event_of(desk.withdraw(user, by="the user"))

    assert (gone.outcome, gone.reason) == (PersonOutcome.WITHDRAWN, PersonReason.ERASED)
    assert gone.by == "the user"
    assert not desk.is_enrolled(user)
    assert tags(world) == {}
    # What names them is gone from the streams, but for the word of the withdrawal itself.
    assert [event.stream_seq for event in desk.events()] == [gone.stream_seq]
    refused = desk.event_of(desk.ask(user, desk.selfie(ANA)))
    assert refused.reason is PersonReason.HAS_WITHDRAWN
    assert refused.photos == []
    assert not desk.is_enrolled(user)
    assert desk.event_of(desk.ask(user, desk.selfie(ANA), consent="2")).reason == "enrolled"
    assert desk.is_enrolled(user)
    assert desk.event_of(desk.ask(other, desk.selfie(BEA))).reason == "enrolled"


def test_photos_are_added_or_replace_those_on_record(
    world: World, desk: Desk, run_worker: RunWorker
) -> None:
    user = uuid4()
    run_worker(flow="people")
    first, second = desk.selfie(ANA), desk.selfie(ANA, CHANGES["scaled 1.8"](ANA.portrait()))
    alone = desk.event_of(desk.ask(user, first))
    assert [photo.image_ref for photo in alone.photos] == [first]
    vector = world.gallery()[user]

    both = desk.event_of(desk.ask(user, second, append=True))

    bucket = world.settings.store.bucket
    assert {(photo.image_ref, photo.on_record) for photo in both.photos} == {
        (f"minio://{bucket}/{first}", True),
        (second, False),
    }
    mean = world.gallery()[user]
    assert not (mean == vector).all()
    assert desk.event_of(desk.ask(user, first)).reason is PersonReason.ENROLLED
    assert (world.gallery()[user] == vector).all()
    assert desk.event_of(desk.ask(user, first)).reason is PersonReason.UNCHANGED


def test_somebody_who_is_another_is_refused_and_named(desk: Desk, run_worker: RunWorker) -> None:
    user, again = uuid4(), uuid4()
    run_worker(flow="people")
    desk.event_of(desk.ask(user, desk.selfie(ANA)))

    refused = desk.event_of(
        desk.ask(again, desk.selfie(ANA, CHANGES["scaled 1.8"](ANA.portrait())))
    )

    assert (refused.outcome, refused.reason) == (PersonOutcome.REFUSED, PersonReason.CLASHES)
    assert refused.clash
    assert refused.clash.user_id == user
    assert not desk.is_enrolled(again)


def test_a_request_makes_the_user_a_member_of_its_galleries(
    world: World, desk: Desk, run_worker: RunWorker
) -> None:
    user = uuid4()
    run_worker(flow="people")
    enrolled = desk.event_of(desk.ask(user, desk.selfie(ANA), galleries=["hall", "school"]))
    assert enrolled.galleries == ["hall", "school"]
    assert galleries(world) == {user: {"hall", "school"}}

    # Another request adds to them, and one by the same photos, too.
    photo = desk.selfie(ANA)
    desk.event_of(desk.ask(user, photo, galleries=["club"]))
    unchanged = desk.event_of(desk.ask(user, photo, galleries=["pool"]))
    assert (unchanged.reason, unchanged.galleries) == (PersonReason.UNCHANGED, ["pool"])
    assert galleries(world) == {user: {"hall", "school", "club", "pool"}}
    assert desk.event_of(desk.ask(user, desk.selfie(ANA), galleries=[])).galleries == []
    assert desk.event_of(desk.ask(user, desk.selfie(ANA))).galleries is None
    assert galleries(world) == {user: {"hall", "school", "club", "pool"}}


def test_a_refused_request_makes_nobody_a_member(
    world: World, desk: Desk, run_worker: RunWorker
) -> None:
    user, again, withdrawn = uuid4(), uuid4(), uuid4()
    run_worker(flow="people")
    desk.event_of(desk.ask(user, desk.selfie(ANA), galleries=["hall"]))
    desk.event_of(desk.withdraw(withdrawn))

    unusable = desk.event_of(desk.ask(user, "no/such.jpg", galleries=["school"]))
    clashing = desk.event_of(desk.ask(again, desk.selfie(ANA), galleries=["hall", "school"]))
    unwanted = desk.event_of(desk.ask(withdrawn, desk.selfie(BEA), galleries=["school"]))

    assert [(event.reason, event.galleries) for event in (unusable, clashing, unwanted)] == [
        (PersonReason.NO_USABLE_PHOTO, None),
        (PersonReason.CLASHES, None),
        (PersonReason.HAS_WITHDRAWN, None),
    ]
    assert galleries(world) == {user: {"hall"}}


def photo_of(world: World, person: Person) -> Photo:
    return world.photo(CHANGES["scaled 1.8"](person.portrait()))


def tags(world: World) -> dict[UUID, UUID]:
    return {photo: row["user_id"] for photo, row in world.rows("face_matches").items()}


def galleries(world: World) -> dict[UUID, set[str]]:
    found: defaultdict[UUID, set[str]] = defaultdict(set)
    with world.database() as connection:
        for row in connection.execute("select user_id, gallery from face_gallery_members"):
            found[row["user_id"]].add(row["gallery"])
    return found
