"""A tag depends on what is known, not on the order in which it became known."""

from __future__ import annotations

from contextlib import closing

import pytest

from connectors.postgres.connection import Database
from connectors.postgres.photos.limits import Limits
from connectors.postgres.sql_files import query
from connectors.postgres.tags.deciding import Rules
from connectors.postgres.tags.decisions import Decision, Decisions, Word
from connectors.postgres.tags.rematching import Rematching
from dataflow.jobs.reason import Reason
from dataflow.steps.matching import MatchPolicy
from tests.builders import photo, user
from tests.fixtures.recording import MODEL, THRESHOLD, Records, face
from tests.fixtures.rematching import NEAR, settle


@pytest.mark.parametrize("first", [1, 2])
def test_of_two_users_at_the_same_distance_it_is_always_the_same_one(
    records: Records, rematching: Rematching, first: int
) -> None:
    records.add_photos(1, 2)
    recorder = records.recorder(NEAR)
    records.add_user(first, 5)
    recorder.record([face(1, 0)])
    records.add_user(3 - first, 5)
    recorder.record([face(2, 0)])
    settle(rematching)

    assert records.matches() == {photo(1): user(1), photo(2): user(1)}


@pytest.mark.parametrize("word", [Word.REJECTED, Word.FORGOTTEN])
def test_a_word_is_taken_by_the_limits_that_hold_then(records: Records, word: Word) -> None:
    records.add_photos(1)
    records.add_user(1, 60)
    records.add_user(2, 60)
    records.recorder(NEAR).record([face(1, 0)])

    with closing(Database(records.settings)) as database:
        decisions = Decisions(database, Rules(MatchPolicy(THRESHOLD), MODEL))
        Limits(database).note(MODEL, MatchPolicy(THRESHOLD, NEAR))
        effect = decisions.take(Decision(photo(1), user(2), word))

    assert effect.reason is Reason.NO_USER_WITHIN_DISTANCE
    assert not records.matches()


def test_where_one_user_is_gone_no_tag_of_the_transaction_is_written(records: Records) -> None:
    records.add_photos(1, 2, 3)
    records.add_user(1, 0)
    records.add_user(2, 90)
    records.recorder(NEAR).record([face(1, 0), face(2, 0), face(3, 45)])
    before = records.matches()
    ids = {row["photo_id"]: row["id"] for row in records.faces()}
    wanted = {
        "model": MODEL,
        "face_id": [ids[photo(number)] for number in (1, 2, 3)],
        "user_id": [None, user(2), user(3)],
        "distance": [None, 1.0, 0.1],
    }

    with closing(Database(records.settings)) as database, database.connection() as connection:
        gone = connection.execute(query("settle_tags"), wanted).fetchall()

    assert gone == [(ids[photo(3)],)]
    assert records.matches() == before == {photo(1): user(1), photo(2): user(1)}
