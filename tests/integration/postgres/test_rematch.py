"""Tags follow what changes after their photo came: users, words, limits."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

import pytest

from connectors.postgres.connection import Database
from connectors.postgres.photos.limits import Limits
from connectors.postgres.tags import sifting
from connectors.postgres.tags.rematching import Rematching
from dataflow.jobs.reason import Reason
from dataflow.steps.matching import MatchPolicy
from tests.builders import photo, user
from tests.fixtures.recording import MODEL, THRESHOLD, Records, direction, distance, face
from tests.fixtures.rematching import NEAR, rematching_of, settle


def told(records: Records) -> list[tuple[Any, ...]]:
    rows = records.run("select * from face_outbox order by seq")
    names = ("photo_id", "change", "user_id", "previous_user_id", "cause", "by")
    return [tuple(row[name] for name in names) for row in rows]


def test_somebody_who_enrols_later_is_found_on_photos_that_were_there_before(
    records: Records, rematching: Rematching
) -> None:
    records.add_photos(1, 2, 3)
    recorder = records.recorder(NEAR)
    recorder.record([face(1, 0), face(2, 20), face(3, 90)])
    assert not records.matches()

    records.add_user(1, 5)
    settle(rematching)

    assert records.matches() == {photo(1): user(1), photo(2): user(1)}
    assert sorted(told(records)) == [
        (photo(number), "gained", user(1), None, "rematch", None) for number in (1, 2)
    ]
    row = records.outcome(1)
    assert (row["outcome"], row["reason"], row["user_id"]) == ("matched", "matched", user(1))
    assert row["distance"] == pytest.approx(distance(5), abs=1e-6)
    assert records.reasons()[photo(3)] == Reason.NO_ENROLLED_USERS
    assert settle(rematching) == []


def test_a_tag_moves_to_a_user_who_is_nearer(records: Records, rematching: Rematching) -> None:
    records.add_photos(1, 2)
    records.add_user(1, 20)
    records.recorder(NEAR).record([face(1, 0), face(2, 25)])

    records.add_user(2, 5)
    settle(rematching)

    assert records.matches() == {photo(1): user(2), photo(2): user(1)}
    assert told(records)[-1] == (photo(1), "moved", user(2), user(1), "rematch", None)


@pytest.mark.parametrize(("move", "now"), [(True, 2), (False, 1)])
def test_tags_may_be_kept_where_they_are(records: Records, *, move: bool, now: int) -> None:
    records.add_photos(1, 2)
    records.add_user(1, 20)
    records.recorder(NEAR).record([face(1, 0), face(2, 90)])

    records.add_user(2, 5)
    records.add_user(3, 85)
    with closing(rematching_of(records, move=move)) as rematching:
        settle(rematching)

        assert records.matches() == {photo(1): user(now), photo(2): user(3)}
        records.run("update users set face_embedding = null where id = %s", user(now))
        settle(rematching)
        assert records.matches()[photo(1)] == user(3 - now)


def test_an_enrolment_by_another_picture_moves_tags_and_measures_again(
    records: Records, rematching: Rematching
) -> None:
    records.add_photos(1, 2, 3)
    records.add_user(1, 0)
    records.recorder(NEAR).record([face(1, 0), face(2, 22), face(3, 40)])
    assert set(records.matches()) == {photo(1), photo(2)}

    records.run("update users set face_embedding = %s", str(direction(30).tolist()))
    settle(rematching)

    assert set(records.matches()) == {photo(2), photo(3)}
    changes = {(row[0], row[1]) for row in told(records)}
    assert {(photo(1), "lost"), (photo(2), "remeasured"), (photo(3), "gained")} <= changes
    (row,) = records.run("select confidence from face_matches where on_photo_id = %s", photo(2))
    assert row["confidence"] == pytest.approx(distance(8), abs=1e-6)


def test_who_was_in_the_way_leaves_and_the_other_is_tagged(records: Records) -> None:
    records.add_photos(1)
    records.add_user(1, 5)
    records.add_user(2, -6)
    records.recorder(NEAR, 0.05).record([face(1, 0)])
    row = records.outcome(1)
    assert (row["reason"], row["nearest_user_id"], row["second_user_id"]) == (
        "ambiguous",
        user(1),
        user(2),
    )

    records.run("delete from users where id = %s", user(2))
    with closing(rematching_of(records, min_margin=0.05)) as rematching:
        settle(rematching)

    assert records.matches() == {photo(1): user(1)}
    assert records.outcome(1)["second_user_id"] is None


def test_a_newcomer_may_make_a_tag_ambiguous(records: Records) -> None:
    records.add_photos(1)
    records.add_user(1, 5)
    records.recorder(NEAR, 0.05).record([face(1, 0)])
    assert records.matches()

    records.add_user(2, -6)
    with closing(rematching_of(records, min_margin=0.05)) as rematching:
        settle(rematching)

    assert not records.matches()
    assert told(records)[-1] == (photo(1), "lost", None, user(1), "rematch", None)


def test_changed_limits_are_applied_to_all_faces(records: Records) -> None:
    records.add_photos(1, 2)
    records.add_user(1, 0)
    with (
        closing(Database(records.settings)) as database,
        closing(rematching_of(records)) as rematching,
    ):
        limits = Limits(database)
        limits.note(MODEL, MatchPolicy(THRESHOLD, NEAR))
        records.recorder(NEAR).record([face(1, 10), face(2, 40)])
        assert set(records.matches()) == {photo(1)}

        limits.note(MODEL, MatchPolicy(THRESHOLD, 0.3))
        settle(rematching)
        assert set(records.matches()) == {photo(1), photo(2)}

        # A worker that was started with other limits matches by those that were noted last.
        records.add_photos(3)
        assert records.recorder(NEAR).record([face(3, 40)])[0].reason is Reason.MATCHED
        assert set(records.matches()) == {photo(1), photo(2), photo(3)}

        limits.note(MODEL, MatchPolicy(THRESHOLD, NEAR))
        settle(rematching)
        assert set(records.matches()) == {photo(1)}


def test_words_that_the_platform_writes_by_itself_count(
    records: Records, rematching: Rematching
) -> None:
    records.add_photos(1)
    records.add_user(1, 0)
    records.add_user(2, 10)
    records.add_user(3, 90)
    records.recorder(NEAR).record([face(1, 0)])
    say = "insert into face_match_decisions (photo_id, user_id, decision) values (%s, %s, %s)"

    steps: Sequence[tuple[str, tuple[object, ...], int | None]] = [
        (say, (photo(1), user(1), "rejected"), 2),
        (say, (photo(1), user(3), "confirmed"), 3),
        ("delete from face_match_decisions where decision = 'confirmed'", (), 2),
        (say, (photo(1), None, "nobody"), None),
        ("delete from face_match_decisions", (), 1),
    ]
    for statement, values, expected in steps:
        records.run(statement, *values)
        settle(rematching)
        assert records.matches() == ({photo(1): user(expected)} if expected else {})


def test_faces_of_another_contract_are_left_alone(records: Records, rematching: Rematching) -> None:
    records.add_photos(1)
    records.add_user(1, 20)
    records.recorder().record([face(1, 0)])
    records.run("update photo_faces set model = 'old-1'")

    records.add_user(2, 5)
    settle(rematching)

    assert records.matches() == {photo(1): user(1)}


@pytest.mark.parametrize("few", [0, 8])
def test_it_finds_the_same_whether_users_or_faces_are_many(
    records: Records, monkeypatch: pytest.MonkeyPatch, rematching: Rematching, few: int
) -> None:
    monkeypatch.setattr(sifting, "FEW", few)
    numbers = range(1, 37)
    records.add_photos(*numbers)
    records.add_user(99, 3)
    records.recorder(NEAR).record([face(number, 10 * number) for number in numbers])

    for number in range(1, 9):
        records.add_user(number, 45 * number)
    pieces = settle(rematching)

    def nearest(number: int) -> int:
        return round(10 * number / 45) % 8 or 8

    expected = {photo(n): user(nearest(n)) for n in numbers if n not in {1, 2}}
    found = records.matches()
    assert {p: u for p, u in found.items() if p in expected} == expected
    assert pieces[-1].done == pieces[-1].total
