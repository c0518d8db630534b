"""A face that belongs to a gallery: who is looked for, and what moves it to another one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from connectors.postgres.connection import Database
from connectors.postgres.gallery.enrolments import EnrolmentRegister
from connectors.postgres.gallery.search import nearest_fellows
from connectors.postgres.photos.limits import Limits
from connectors.postgres.tags.deciding import Rules
from connectors.postgres.tags.decisions import Decision, Decisions, Word
from connectors.postgres.tags.rematching import Rematching
from dataflow.gallery.limit import FollowingLimit
from dataflow.jobs.outcome import Settled
from dataflow.jobs.reason import Reason
from dataflow.settings import ModelSettings, Settings
from dataflow.steps.matching import MatchPolicy
from soloface.rules import requires_gallery, rules_of_workers
from tests.builders import PUBLISHED, photo, request, user
from tests.fixtures.recording import MODEL, THRESHOLD, Records, direction, distance, face
from tests.fixtures.rematching import rematching_of, settle
from tests.saying import take

LATER = PUBLISHED + timedelta(minutes=1)


@pytest.fixture
def members(records: Records) -> Records:
    """Users 1 to 4 at 0, 10, 20 and 30 degrees; the even ones belong to the hall."""
    records.add_photos(1, 2, 3, 4)
    for number in (1, 2, 3, 4):
        records.add_user(number, 10 * (number - 1))
    records.add_members("hall", 2, 4)
    return records


@pytest.fixture
def rematching(records: Records) -> Iterator[Rematching]:
    """Without limits, unless some are noted."""
    with closing(rematching_of(records, None)) as rematching:
        yield rematching


def tags(records: Records) -> Mapping[int, int]:
    return {key.int: value.int - 0xA000 for key, value in records.matches().items()}


def row(records: Records, number: int = 1) -> Mapping[str, Any]:
    (found,) = records.run("select * from photo_faces where photo_id = %s", photo(number))
    return found


def test_only_members_of_a_photos_gallery_are_looked_for(members: Records) -> None:
    batch = [face(1, 1), face(2, 1, gallery="hall"), face(3, 2, gallery="hall")]
    members.recorder().record([*batch, face(4, 1, gallery="nowhere")])
    assert tags(members) == {1: 1, 2: 2, 3: 2}
    assert members.outcome(4)["reason"] == "no_enrolled_users"
    assert (row(members, 2)["nearest_user_id"], row(members, 2)["second_user_id"]) == (
        user(2),
        user(4),
    )


def test_the_margin_is_to_the_next_member(members: Records) -> None:
    recorder = members.recorder(min_margin=distance(15))
    recorder.record([face(1, 9), face(2, 9, gallery="hall")])
    assert tags(members) == {2: 2}
    assert members.outcome(1)["reason"] == "ambiguous"


def test_the_feed_says_in_which_gallery_a_tag_changed(members: Records) -> None:
    members.recorder().record([face(1, 1), face(2, 1, gallery="hall")])
    told = members.run("select photo_id, gallery, change from face_outbox order by photo_id")
    assert [tuple(one.values()) for one in told] == [
        (photo(1), None, "gained"),
        (photo(2), "hall", "gained"),
    ]


def test_somebody_may_be_named_who_is_no_member_and_is_not_compared(members: Records) -> None:
    members.recorder().record([face(1, 1, gallery="hall")])
    effect = take(members, Word.CONFIRMED, 1)
    assert (effect.now, effect.match and effect.match.distance) == (user(1), None)
    (match,) = members.run("select * from face_matches")
    assert (match["user_id"], match["confidence"]) == (user(1), None)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("insert into face_gallery_members select 'hall', id from users on conflict do nothing", 1),
        ("delete from face_gallery_members where user_id = '{2}'", 4),
        ("update face_gallery_members set user_id = '{3}' where user_id = '{2}'", 3),
        ("update face_gallery_members set gallery = 'school' where user_id = '{2}'", 4),
        ("delete from users where id = '{2}'", None),
        ("truncate face_gallery_members", None),
        ("update photo_faces set gallery = null", 1),
        ("update photo_faces set gallery = 'school'", None),
    ],
)
def test_whatever_changes_a_gallery_has_its_faces_decided_again(
    members: Records, rematching: Rematching, statement: str, expected: int | None
) -> None:
    members.recorder().record([face(1, 1, gallery="hall")])
    settle(rematching)
    members.run(statement.format(*(user(number) for number in range(5))).replace("%", "%%"))
    settle(rematching)
    assert tags(members) == ({1: expected} if expected else {})


def test_a_new_member_concerns_only_faces_of_that_gallery_that_are_near(
    members: Records, rematching: Rematching, limits: Limits
) -> None:
    members.run("delete from face_gallery_members")
    limits.note(MODEL, MatchPolicy(THRESHOLD, 0.1))
    recorder = members.recorder()
    recorder.record([face(1, 1), face(2, 1, gallery="hall"), face(3, 1, gallery="school")])
    recorder.record([face(4, 170, gallery="hall")])
    settle(rematching)
    members.add_members("hall", 1)
    assert sum(piece.photos for piece in settle(rematching)) == 1
    assert tags(members) == {1: 1, 2: 1}


def test_somebody_who_is_not_enrolled_concerns_nobody(
    members: Records, rematching: Rematching
) -> None:
    settle(rematching)
    members.run("insert into users (id) values (%s)", user(9))
    members.add_members("hall", 9)
    assert settle(rematching) == []


def test_many_new_members_have_all_faces_of_the_gallery_decided_again(
    members: Records, rematching: Rematching
) -> None:
    members.recorder().record([face(1, 1), face(2, 1, gallery="hall")])
    settle(rematching)
    members.run(
        "insert into users (id, face_embedding, face_embedding_model) "
        "select gen_random_uuid(), face_embedding, face_embedding_model "
        "from users, generate_series(1, 1001) where id = %s",
        user(4),
    )
    settle(rematching)
    members.run(
        "insert into face_gallery_members select 'hall', id from users on conflict do nothing"
    )
    (waiting,) = members.run("select user_id, model, gallery from face_rematches")
    assert tuple(waiting.values()) == (None, MODEL, "hall")
    assert sum(piece.photos for piece in settle(rematching)) == 1
    assert tags(members) == {1: 1, 2: 1}


@pytest.mark.parametrize("gallery", ["hall", None])
def test_a_job_that_names_another_gallery_moves_the_photo(
    members: Records, rematching: Rematching, gallery: str | None
) -> None:
    other = None if gallery else "hall"
    members.recorder().record([face(1, 1, gallery=other)])
    asked = request(1, seq=2, published_at=LATER, gallery=gallery)
    members.recorder().record([Settled(asked.delivery, asked.job, Reason.ALREADY_MATCHED)])
    assert row(members)["gallery"] == gallery
    settle(rematching)
    assert tags(members) == {1: 2 if gallery else 1}
    *_, told = members.run("select * from face_outbox order by seq")
    assert (told["gallery"], told["change"]) == (gallery, "moved")


def test_a_face_seen_again_in_another_gallery_takes_its_photos_other_faces_along(
    members: Records, rematching: Rematching, limits: Limits
) -> None:
    limits.note(MODEL, MatchPolicy(THRESHOLD, 0.001))
    recorder = members.recorder()
    recorder.record([face(1, 5, gallery="school")])
    recorder.record([face(1, 9, seq=2, face_index=1, published_at=LATER, gallery="hall")])
    assert {one["gallery"] for one in members.faces()} == {"hall"}
    settle(rematching)
    assert tags(members) == {1: 2}


def test_a_job_from_before_does_not_move_the_photo_back(
    members: Records, rematching: Rematching, limits: Limits
) -> None:
    limits.note(MODEL, MatchPolicy(THRESHOLD, 0.001))
    recorder = members.recorder()
    recorder.record([face(1, 5, seq=2, published_at=LATER, gallery="hall")])
    (late,) = recorder.record([face(1, 0, seq=1, gallery="school")])
    assert late.reason is Reason.DUPLICATE_IN_FLIGHT
    asked = request(1, seq=1)
    recorder.record([Settled(asked.delivery, asked.job, Reason.NO_FACE)])
    settle(rematching)
    assert row(members)["gallery"] == "hall"
    assert tags(members) == {}


def test_where_a_gallery_is_required_nobody_is_looked_for_without_one(
    members: Records, rematching: Rematching, limits: Limits
) -> None:
    members.recorder().record([face(1, 1), face(2, 1, gallery="hall"), face(3, 1)])
    take(members, Word.CONFIRMED, 4)
    limits.note(MODEL, MatchPolicy(THRESHOLD, gallery_required=True))
    settle(rematching)
    assert tags(members) == {1: 4, 2: 2}
    assert row(members, 3)["nearest_user_id"] is None
    # Of a worker that has not heard of it.
    (late,) = members.recorder().record([face(4, 1)])
    assert late.reason is Reason.MISSING_GALLERY
    members.recorder().record([face(2, 1, seq=9, published_at=LATER)])
    assert [one["gallery"] for one in members.faces()] == [None, "hall", None]

    limits.note(MODEL, MatchPolicy(THRESHOLD))
    settle(rematching)
    assert tags(members) == {1: 4, 2: 2, 3: 1}


def test_rules_alone_keep_a_face_without_a_gallery_from_being_compared(members: Records) -> None:
    """Also with the user of its tag, and with one of whom somebody has said that it shows them."""
    members.recorder().record([face(1, 1), face(2, 1), face(3, 1, gallery="hall")])
    strict = Rules(MatchPolicy(THRESHOLD, gallery_required=True), MODEL, move=False)
    with closing(Database(members.settings)) as database:
        decisions = Decisions(database, strict)
        named = decisions.take(Decision(photo(1), user(4), Word.CONFIRMED))
        other = decisions.take(Decision(photo(2), user(4), Word.REJECTED))
        inside = decisions.take(Decision(photo(3), user(4), Word.CONFIRMED))
    assert named.match
    assert (named.match.user_id, named.match.distance) == (user(4), None)
    assert (other.now, other.reason) == (None, Reason.MISSING_GALLERY)
    assert inside.match
    assert inside.match.distance == pytest.approx(distance(29), abs=1e-6)


def test_after_a_move_to_another_model_tenants_stay_apart_until_its_workers_say_otherwise(
    members: Records, limits: Limits, open_settings: ModelSettings
) -> None:
    settings = Settings(database=members.settings, model=open_settings)
    vectors, nowhere = [direction(0)], [frozenset[str]()]
    said: list[str] = []

    def required() -> tuple[bool, bool, bool]:
        """By the register, by the rules of commands, and by what publishes jobs."""
        with closing(Database(members.settings)) as database:
            rules = rules_of_workers(settings, database, said.append)
            register = EnrolmentRegister(database, MODEL)
            return (
                register.gallery_required(),
                rules.policy.gallery_required,
                requires_gallery(settings, database),
            )

    assert required() == (False, False, False)
    limits.note("earlier", MatchPolicy(THRESHOLD, gallery_required=True))
    assert required() == (True, True, True)
    with closing(Database(members.settings)) as database, database.connection() as connection:
        found = nearest_fellows(connection, vectors, nowhere, MODEL, 2)
        none = nearest_fellows(connection, vectors, nowhere, MODEL, 2, gallery_required=True)
    assert ([len(near) for near in found], none) == ([2], [[]])
    limits.note(MODEL, MatchPolicy(THRESHOLD))
    assert required() == (False, False, False)
    limits.note("earlier", MatchPolicy(THRESHOLD, gallery_required=True))
    assert required() == (False, False, True)


def test_a_limit_follows_the_members_of_each_gallery(
    members: Records, rematching: Rematching, limits: Limits
) -> None:
    """So that only the band of that gallery's faces is decided again where it moves."""
    steps = tuple(distance(degrees) for degrees in (8, 6, 4, 2))
    limits.note(MODEL, MatchPolicy(THRESHOLD), FollowingLimit(0.01, 1e-9, steps))
    settle(rematching)
    far = [face(1, 17, gallery="hall"), face(2, 13, gallery="hall"), face(3, 5), face(4, 33)]
    members.recorder().record(far)
    assert tags(members) == {2: 2, 4: 4}

    members.run("delete from face_gallery_members where user_id = %s", user(4))
    settle(rematching)
    assert tags(members) == {1: 2, 2: 2, 4: 4}

    for number in (11, 12, 13):
        members.add_user(number, 90)
    members.add_members("hall", 4, 11)
    settle(rematching)
    assert members.run("select users from face_gallery_limits") == [{"users": 4}]
    assert tags(members) == {2: 2}
    members.add_members("hall", 12, 13)
    assert sum(piece.photos for piece in settle(rematching)) == 1
    assert tags(members) == {}
