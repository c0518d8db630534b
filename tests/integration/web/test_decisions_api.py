"""The API for moderators: queues, cards, words, undo."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest

from soloface.client import ApiError, Client
from soloface.web.work.wire_enrolment import EnrolRequest
from tests.builders import photo, picture, user
from tests.fixtures.recording import distance
from tests.fixtures.web import MODEL, Site


@pytest.fixture
def rita(site: Site) -> Client:
    return site.client("rita")


@pytest.fixture
def people(site: Site) -> None:
    """User 1 lies at 0 degrees, user 2 at 60, user 3 at 90."""
    for number, degrees in ((1, 0), (2, 60), (3, 90)):
        site.records.add_user(number, degrees, MODEL)


def refused(error: pytest.ExceptionInfo[ApiError]) -> tuple[int, str]:
    return error.value.status, error.value.reason


@pytest.mark.usefixtures("people")
def test_each_photo_is_in_the_queue_where_it_belongs(site: Site, rita: Client) -> None:
    site.record(1, 5)  # surely user 1
    site.record(2, 30)  # between users 1 and 2
    site.record(3, -55)  # a little beyond the limit
    site.record(4, -170)  # near nobody

    queues = {
        name: [card.photo_id for card in rita.review(name).cards]
        for name in ("doubtful", "near_misses", "unknown", "recent")
    }

    assert queues == {
        "doubtful": [photo(2)],
        "near_misses": [photo(3)],
        "unknown": [photo(4)],
        "recent": [photo(1)],
    }
    page = rita.review("near_misses")
    assert page.waiting == {"doubtful": 1, "near_misses": 1, "unknown": 1, "recent": 1}
    assert page.scale.max_distance == 0.4
    (card,) = page.cards
    assert (card.reason, card.user_id) == ("no_user_within_distance", None)
    assert [near.user_id for near in card.candidates] == [user(1), user(2), user(3)]
    assert card.candidates[0].distance == pytest.approx(distance(55), abs=1e-5)


@pytest.mark.usefixtures("people")
def test_a_word_is_taken_shown_and_taken_back(site: Site, rita: Client) -> None:
    site.record(1, 30)
    (card,) = rita.review().cards

    done = rita.decide(card.photo_id, "confirm", user(2), version=card.version)

    assert (done.matched_before, done.matched_now, done.decided_by) == (None, user(2), "rita")
    assert rita.review().cards == []
    whole = rita.photo(photo(1))
    assert [(said.decision, said.user_id, said.decided_by) for said in whole.said] == [
        ("confirmed", user(2), "rita")
    ]
    assert whole.faces[0].user_id == user(2)
    assert whole.outcome
    assert whole.outcome.reason == "matched"
    assert [photo.photo_id for photo in rita.photos_of(user(2)).photos] == [photo(1)]
    assert rita.decisions().decisions == [done]

    undone = rita.undo(done.id)

    assert undone.undone_at
    assert [card.photo_id for card in rita.review().cards] == [photo(1)]
    assert rita.photo(photo(1)).said == []


@pytest.mark.usefixtures("people")
def test_nobody_overwrites_another_in_silence(site: Site, rita: Client) -> None:
    site.record(1, 30)
    rolf = site.client("rolf")
    (card,) = rita.review().cards
    rita.decide(card.photo_id, "confirm", user(1), version=card.version)

    with pytest.raises(ApiError) as error:
        rolf.decide(card.photo_id, "confirm", user(2), version=card.version)

    assert refused(error) == (409, "changed_meanwhile")
    assert rita.photo(photo(1)).faces[0].user_id == user(1)


@pytest.mark.usefixtures("people")
def test_two_moderators_never_get_the_same_photo(site: Site, rita: Client) -> None:
    for number in range(1, 8):
        site.record(number, 30)
    rolf = site.client("rolf")

    first = rita.claim(count=3)
    second = rolf.claim(count=3)

    mine, theirs = ({card.photo_id for card in page.cards} for page in (first, second))
    assert (len(mine), len(theirs), mine & theirs) == (3, 3, set())
    assert {card.claimed_by for card in first.cards} == {"rita"}
    # Their own come again, behind the cursor new ones, and what is let go is for anybody.
    assert {card.photo_id for card in rita.claim(count=3).cards} == mine
    let_go = first.cards[0].photo_id
    rita.let_go(let_go)
    assert let_go in {card.photo_id for card in rolf.claim(count=7).cards}
    rest = rita.claim(count=5, cursor=first.next)
    assert {card.photo_id for card in rest.cards} & theirs == set()


@pytest.mark.usefixtures("people")
def test_pages_follow_each_other_and_nothing_is_shown_twice(site: Site, rita: Client) -> None:
    numbers = range(1, 12)
    for number in numbers:
        site.record(number, 30)
    seen: list[UUID] = []
    cursor = None
    while True:
        page = rita.review(limit=4, cursor=cursor)
        seen += [card.photo_id for card in page.cards]
        if (cursor := page.next) is None:
            break

    assert sorted(seen) == [photo(number) for number in numbers]
    for number in numbers:
        rita.decide(photo(number), "confirm", user(1))
    shown: list[UUID] = []
    while True:
        photos = rita.photos_of(user(1), limit=4, cursor=cursor)
        shown += [tagged.photo_id for tagged in photos.photos]
        if (cursor := photos.next) is None:
            break
    assert sorted(shown) == sorted(seen)


@pytest.mark.usefixtures("people")
def test_filters_narrow_a_queue_down(site: Site, rita: Client) -> None:
    site.record(1, 30)
    site.record(2, -30)
    site.record(3, 75)
    when = rita.photo(photo(2)).outcome
    assert when

    def photos(**filters: object) -> set[UUID]:
        found = rita.review("doubtful", **filters)  # type: ignore[arg-type]
        return {card.photo_id for card in found.cards}

    assert photos() == {photo(1), photo(3)}
    assert photos(user_id=user(3)) == {photo(3)}
    assert photos(reason="ambiguous") == {photo(1), photo(3)}
    assert photos(reason="matched") == set()
    assert photos(since=when.settled_at) == {photo(3)}
    assert photos(until=when.settled_at) == {photo(1)}


@pytest.mark.usefixtures("people")
def test_unknown_faces_of_one_person_come_together(site: Site, rita: Client) -> None:
    for number, degrees in ((1, -170), (2, -165), (3, -160), (4, -80), (5, -85), (6, 10)):
        site.record(number, degrees)

    groups = rita.groups()

    together = [{card.photo_id for card in group.cards} for group in groups.groups]
    assert together == [{photo(1), photo(2), photo(3)}, {photo(4), photo(5)}]
    assert groups.looked_at == 5
    assert groups.groups[0].widest == pytest.approx(distance(5), abs=1e-5)


@pytest.mark.usefixtures("people")
def test_a_request_that_comes_twice_is_answered_twice_and_taken_once(
    site: Site, rita: Client
) -> None:
    site.record(1, 30)

    first = rita.decide(photo(1), "confirm", user(1), key="one")
    again = rita.decide(photo(1), "confirm", user(1), key="one")

    assert again == first
    with pytest.raises(ApiError) as error:
        rita.decide(photo(1), "confirm", user(2), key="one")
    assert refused(error) == (409, "key_reused")


def test_what_is_not_there_or_makes_no_sense_is_refused_with_its_reason(
    site: Site, rita: Client
) -> None:
    site.record(1)
    calls: dict[tuple[int, str], Callable[[], object]] = {
        (404, "unknown_photo"): lambda: rita.photo(photo(9)),
        (404, "unknown_user"): lambda: rita.photos_of(user(9)),
        (404, "unknown_decision"): lambda: rita.undo(1),
        (404, "unknown_face"): lambda: rita.face(photo(1), 3),
        (422, "invalid_request"): lambda: rita.decide(photo(1), "confirm"),
        (404, "image_not_found"): lambda: rita.enrolled_image(user(9), "0" * 64),
    }
    for expected, call in calls.items():
        with pytest.raises(ApiError) as error:
            call()
        assert refused(error) == expected
    with pytest.raises(ApiError) as error:
        rita.decide(photo(1), "confirm", user(9))
    assert refused(error) == (404, "unknown_user")
    with pytest.raises(ApiError) as error:
        rita.review(cursor="bm90aGluZw")
    assert refused(error) == (422, "invalid_request")


def test_find_names_the_user_and_the_photos_and_stores_nothing(site: Site) -> None:
    enno, fiona = site.client("enno"), site.client("fiona")
    site.upload("anna.png", picture(person=0))
    done = enno.enrol(user(1), EnrolRequest(image_refs=["anna.png"], consent="2026-01"))
    assert (done.status, done.consent, len(done.used)) == ("enrolled", "2026-01", 1)
    site.record(1, 10)
    site.record(2, 80)
    before = dump(site)

    found = fiona.find(picture(person=0), photos=True)

    assert (found.reason, found.user_id) == ("matched", user(1))
    assert [near.user_id for near in found.users] == [user(1)]
    assert found.photos
    assert [like.photo_id for like in found.photos] == [photo(1)]
    assert found.photos[0].distance == pytest.approx(distance(10), abs=1e-5)
    stranger = fiona.find(picture(person=3))
    assert (stranger.reason, stranger.user_id, stranger.users) == (
        "no_user_within_distance",
        None,
        [],
    )
    assert stranger.photos is None
    assert dump(site) == before
    for image, reason in (
        (picture(faces=0), "no_face"),
        (picture(faces=2), "multiple_faces"),
        (b"GIF89a", "image_undecodable"),
    ):
        with pytest.raises(ApiError) as error:
            fiona.find(image)
        assert refused(error) == (422, reason)


def dump(site: Site) -> list[object]:
    """All rows and all objects."""
    tables = site.records.run(
        "select table_name from information_schema.tables where table_schema = 'public' "
        "and table_type = 'BASE TABLE' order by 1"
    )
    rows = [
        (table["table_name"], str(site.records.run(f"table {table['table_name']}")))
        for table in tables
    ]
    store = site.store.list_objects(site.settings.store.bucket, recursive=True)
    return [*rows, *((item.object_name, item.etag) for item in store)]


def test_a_user_is_enrolled_by_one_upload_and_erased_again(site: Site) -> None:
    enno, rita = site.client("enno"), site.client("rita")
    site.records.run("insert into users (id) values (%s)", user(1))

    done = enno.enrol_image(user(1), picture(person=2), keep=True)

    kept = f"enrolment/{user(1)}/{done.used[0].sha256}"
    assert done.used[0].photo == f"minio://{site.settings.store.bucket}/{kept}"
    assert site.store.stat_object(site.settings.store.bucket, kept).size == len(picture(person=2))
    shown = rita.photos_of(user(1))
    assert shown.enrolled_by == [done.used[0].sha256]
    assert rita.enrolled_image(user(1), done.used[0].sha256)[:2] == b"\xff\xd8"
    (row,) = site.records.run("select enrolled_by from face_enrolments")
    assert row["enrolled_by"] == "enno"
    with pytest.raises(ApiError) as error:
        enno.enrol_image(user(2), picture(person=2))
    assert refused(error) == (409, "clashes_with_user")
    unkept = enno.enrol_image(user(2), picture(person=2), force=True)
    assert unkept.used[0].photo is None
    # Nobody could look at it again, so it is not on record; the same photo is known nevertheless.
    assert rita.photos_of(user(2)).enrolled_by == []
    assert enno.enrol_image(user(2), picture(person=2), force=True).status == "unchanged"
    with pytest.raises(ApiError) as error:
        enno.enrol_image(user(3), picture(faces=2))
    assert refused(error) == (422, "no_usable_photo")
