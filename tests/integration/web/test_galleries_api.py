"""Galleries through the API: whoever is in another one is neither found nor shown."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest

from connectors.postgres.connection import Database
from connectors.postgres.photos.limits import Limits
from dataflow.gallery.enrolment import Status
from dataflow.settings import MatchSettings
from soloface.client import ApiError
from soloface.web.work.wire_enrolment import EnrolRequest
from tests.builders import photo, picture, user
from tests.fixtures.recording import distance
from tests.fixtures.web import MODEL, POLICY, MakeSite, Site


def test_in_a_gallery_only_its_members_and_its_photos_are_found(site: Site) -> None:
    for number in (1, 2):
        site.records.add_user(number, 0, MODEL)
    site.records.add_members("red", 1)
    site.records.add_members("blue", 2)
    for number, gallery in ((1, "red"), (2, "blue"), (3, None)):
        site.record(number, 5, gallery=gallery)
    fiona = site.client("fiona")

    found = {
        name: fiona.find(picture(person=0), photos=True, gallery=name)
        for name in ("red", "blue", "empty", None)
    }

    assert {name: [near.user_id for near in one.users] for name, one in found.items()} == {
        "red": [user(1)],
        "blue": [user(2)],
        "empty": [],
        None: [user(1), user(2)],
    }
    assert {
        name: [one.photo_id for one in answer.photos or ()] for name, answer in found.items()
    } == {"red": [photo(1)], "blue": [photo(2)], "empty": [], None: [photo(3)]}
    assert {name: one.user_id for name, one in found.items()} == {
        "red": user(1),
        "blue": user(2),
        "empty": None,
        None: None,  # both are as near
    }


@pytest.fixture(params=["settings", "workers"])
def strict(request: pytest.FixtureRequest, make_site: MakeSite) -> Site:
    """A site that requires galleries, by its own settings or by what the workers have noted."""
    if request.param == "settings":
        return make_site(match=MatchSettings(gallery="required"))
    site = make_site()
    with closing(Database(site.records.settings)) as database:
        Limits(database).note(MODEL, replace(POLICY, gallery_required=True))
    return site


def test_where_a_gallery_is_required_nothing_is_found_without_one(strict: Site) -> None:
    site = strict
    site.records.add_user(1, 0, MODEL)
    site.records.add_members("red", 1)
    fiona = site.client("fiona")

    with pytest.raises(ApiError) as error:
        fiona.find(picture(person=0))

    assert (error.value.status, error.value.reason) == (422, "missing_gallery")
    assert fiona.find(picture(person=0), gallery="red").user_id == user(1)


def test_where_a_gallery_is_required_who_enrols_without_one_clashes_with_nobody(
    strict: Site,
) -> None:
    enno = strict.client("enno")
    for number in (1, 2):
        assert enno.enrol_image(user(number), picture(person=0)).status == "enrolled"


def test_where_a_gallery_is_required_faces_without_one_are_shown_beside_nobody(
    strict: Site,
) -> None:
    strict.records.add_user(1, 30, MODEL)
    strict.records.add_members("red", 1)
    with closing(Database(strict.records.settings)) as database:
        limits = Limits(database)
        now = limits.note(MODEL, POLICY)  # as it was when the photos came
        for number, gallery in ((1, None), (2, None), (3, "red"), (4, "red")):
            strict.record(number, -170, gallery=gallery)
        assert now
        limits.note(MODEL, now.policy)
    rita = strict.client("rita")

    shown = {card.photo_id: len(card.candidates) for card in rita.review("unknown").cards}
    groups = rita.groups()

    assert shown == {photo(1): 0, photo(2): 0, photo(3): 1, photo(4): 1}
    assert [{card.photo_id for card in group.cards} for group in groups.groups] == [
        {photo(3), photo(4)}
    ]
    assert groups.looked_at == 2


def test_a_name_that_is_none_is_refused(site: Site) -> None:
    with pytest.raises(ApiError) as error:
        site.client("fiona").find(picture(), gallery="two words")

    assert (error.value.status, error.value.reason) == (422, "invalid_request")


def test_who_enrols_may_name_galleries_and_clashes_with_their_members_only(site: Site) -> None:
    enno = site.client("enno")
    site.upload("anna.png", picture(person=0))
    enno.enrol(user(1), EnrolRequest(image_refs=["anna.png"], galleries=["red", "green"]))

    done = enno.enrol_image(user(2), picture(person=0), galleries=["blue"])
    with pytest.raises(ApiError) as error:
        enno.enrol_image(user(3), picture(person=0), galleries=["blue", "yellow"])

    assert done.status == "enrolled"
    assert (error.value.status, error.value.reason) == (409, Status.CLASHES)
    rows = site.records.run("select gallery, user_id from face_gallery_members order by gallery")
    assert [(row["gallery"], row["user_id"]) for row in rows] == [
        ("blue", user(2)),
        ("green", user(1)),
        ("red", user(1)),
    ]


def test_a_card_shows_the_members_of_its_gallery_only(site: Site) -> None:
    for number in (1, 2):
        site.records.add_user(number, 30 * number, MODEL)
    site.records.add_members("red", 1)
    site.records.add_members("blue", 2)
    site.record(1, 45, gallery="blue")

    (card,) = site.client("rita").review("recent").cards

    assert [near.user_id for near in card.candidates] == [user(2)]


def test_unknown_faces_of_two_galleries_are_never_one_group(site: Site) -> None:
    places = ((1, "red"), (2, "red"), (3, "blue"), (4, "blue"), (5, "blue"), (6, None))
    for number, gallery in places:
        site.record(number, -170, gallery=gallery)

    groups = site.client("rita").groups()

    assert [{card.photo_id for card in group.cards} for group in groups.groups] == [
        {photo(3), photo(4), photo(5)},
        {photo(1), photo(2)},
    ]
    assert groups.looked_at == 6


def test_a_queue_and_the_groups_are_narrowed_to_a_gallery(site: Site) -> None:
    rita = site.client("rita")
    site.records.add_user(1, 0, MODEL)
    site.records.add_members("red", 1)
    for number, degrees, gallery in ((1, 50, "red"), (2, 50, None), (3, -170, "blue")):
        site.record(number, degrees, gallery=gallery)
    site.record(4, -171, gallery="blue")

    assert {card.photo_id for card in rita.review("doubtful").cards} == {photo(1), photo(2)}
    page = rita.review("doubtful", gallery="red")
    assert [card.photo_id for card in page.cards] == [photo(1)]
    assert page.waiting == {"doubtful": 1, "near_misses": 0, "unknown": 0, "recent": 1}
    assert [card.photo_id for card in rita.claim("doubtful", gallery="red").cards] == [photo(1)]
    assert [len(group.cards) for group in rita.groups(gallery="blue").groups] == [2]
    assert rita.groups(gallery="red").groups == []


def test_who_a_face_may_be_is_asked_in_its_gallery_and_leaves_out_the_rejected(site: Site) -> None:
    for number, degrees in ((1, 10), (2, 20), (3, 30), (4, 0)):
        site.records.add_user(number, degrees, MODEL)
    site.records.add_members("red", 1, 2, 3)
    site.record(1, 0, gallery="red")
    site.record(2, 0)
    rita = site.client("rita")
    rita.decide(photo(1), "reject", user(1))

    found = rita.users_like(photo(1))

    assert (found.gallery, [near.user_id for near in found.users]) == ("red", [user(2), user(3)])
    assert found.users[0].distance == pytest.approx(distance(20), abs=1e-5)
    everybody = rita.users_like(photo(2), limit=3)
    assert [near.user_id for near in everybody.users] == [user(4), user(1), user(2)]
    for photo_id, face_index in ((photo(1), 1), (photo(9), 0)):
        with pytest.raises(ApiError) as error:
            rita.users_like(photo_id, face_index)
        assert (error.value.status, error.value.reason) == (404, "unknown_face")


def test_where_a_gallery_is_required_a_face_without_one_may_be_nobody(make_site: MakeSite) -> None:
    site = make_site(match=MatchSettings(gallery="required"))
    site.records.add_user(1, 0, MODEL)
    site.record(1)

    assert site.client("rita").users_like(photo(1)).users == []
