"""Somebody new, by a group of unknown faces: the platform may allow it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

import cv2
import numpy as np
import pytest

from connectors.postgres.connection import Database
from connectors.postgres.tags.deciding import Rules
from connectors.postgres.tags.rematching import Rematching
from soloface.client import ApiError
from soloface.web.work.wire_enrolment import GroupFace, NewUserRequest
from tests.builders import photo, user
from tests.fixtures.rematching import settle
from tests.fixtures.web import MODEL, POLICY, MakeSite, Site


def portrait(number: int, person: int = 1, faces: int = 1) -> bytes:
    """As :func:`tests.builders.picture`, and like no other one."""
    done, data = cv2.imencode(".png", np.full((8, 8, 3), (faces, person, number), np.uint8))
    assert done
    return data.tobytes()


def asking(user_number: int, numbers: Sequence[int]) -> NewUserRequest:
    faces = [GroupFace(photo_id=photo(number), face_index=0) for number in numbers]
    return NewUserRequest(user_id=user(user_number), faces=faces, consent="2026-11")


def refused(site: Site, request: NewUserRequest, by: str = "ruth") -> tuple[int, str]:
    with pytest.raises(ApiError) as error:
        site.client(by).enrol_group(request)
    return error.value.status, error.value.reason


@pytest.fixture
def strangers(make_site: MakeSite) -> Site:
    """User 1 is enrolled; photos 1 to 4 show somebody else, as nobody knows."""
    site = make_site(new_users=True)
    site.records.add_user(1, 0, MODEL)
    for number in range(1, 5):
        site.record(number, 88 + number, portrait(number))
    return site


def test_a_group_becomes_a_user_and_all_its_photos_follow(strangers: Site) -> None:
    ruth = strangers.client("ruth")
    (group,) = ruth.groups().groups
    assert len(group.cards) == 4

    done = ruth.enrol_group(asking(5, (1, 2, 3)))

    assert (done.status, done.consent, len(done.used)) == ("enrolled", "2026-11", 3)
    known = ruth.photos_of(user(5))
    assert len(known.enrolled_by) == 3
    assert ruth.enrolled_image(user(5), known.enrolled_by[0])[:2] == b"\xff\xd8"
    (row,) = strangers.records.run("select enrolled_by from face_enrolments")
    assert row["enrolled_by"] == "ruth"
    one, other = (Database(strangers.records.settings) for _ in range(2))
    with closing(Rematching(one, other, Rules(POLICY, MODEL))) as rematching:
        settle(rematching)
    # Also the one that was not chosen.
    assert {tagged.photo_id for tagged in ruth.photos_of(user(5)).photos} == {
        photo(number) for number in range(1, 5)
    }
    assert ruth.groups().groups == []


def test_asked_twice_it_is_done_once(strangers: Site) -> None:
    ruth = strangers.client("ruth")
    ruth.enrol_group(asking(5, (1, 2)))

    assert ruth.enrol_group(asking(5, (1, 2))).status == "unchanged"


def test_nobody_who_is_enrolled_or_has_withdrawn_is_replaced(strangers: Site) -> None:
    strangers.records.run("insert into users (id) values (%s)", user(7))
    strangers.records.run("insert into face_withdrawals (user_id) values (%s)", user(7))

    assert refused(strangers, asking(1, (1, 2))) == (409, "already_enrolled")
    assert refused(strangers, asking(7, (1, 2))) == (409, "user_withdrawn")
    rows = strangers.records.run("select id from users where face_embedding is not null")
    assert [row["id"] for row in rows] == [user(1)]


def test_what_somebody_has_settled_meanwhile_enrols_nobody(strangers: Site) -> None:
    strangers.client("rita").decide(photo(2), "nobody")

    assert refused(strangers, asking(5, (1, 2))) == (409, "changed_meanwhile")
    assert refused(strangers, asking(5, (1, 9))) == (404, "unknown_face")
    assert strangers.records.run("select * from face_enrolments") == []


def test_whoever_looks_like_another_user_is_not_enrolled(strangers: Site) -> None:
    strangers.records.add_user(2, 90, MODEL)

    assert refused(strangers, asking(5, (1, 2))) == (409, "clashes_with_user")


def test_of_photos_that_show_several_the_recorded_face_is_taken(make_site: MakeSite) -> None:
    site = make_site(new_users=True)
    site.record(1, 90, portrait(1, faces=2))
    ruth = site.client("ruth")
    assert refused(site, asking(5, [1])) == (422, "no_usable_photo")
    site.records.run("""update photo_faces set bbox = '{"x1": 1, "y1": 1, "x2": 2, "y2": 2}'""")

    assert len(ruth.enrol_group(asking(5, [1])).used) == 1


def test_a_new_user_belongs_to_the_gallery_of_the_group(make_site: MakeSite) -> None:
    site = make_site(new_users=True)
    for number, gallery in ((1, "red"), (2, "red"), (3, "blue")):
        site.record(number, 90, portrait(number), gallery=gallery)

    assert refused(site, asking(5, (1, 3))) == (422, "invalid_request")
    site.client("ruth").enrol_group(asking(5, (1, 2)))

    rows = site.records.run("select gallery, user_id from face_gallery_members")
    assert [(row["gallery"], row["user_id"]) for row in rows] == [("red", user(5))]


def test_it_takes_both_roles_and_a_server_that_allows_it(site: Site, strangers: Site) -> None:
    for name in ("rita", "enno"):
        assert refused(strangers, asking(5, (1, 2)), name) == (403, "not_allowed")
    assert refused(site, asking(5, (1, 2))) == (403, "not_allowed")
