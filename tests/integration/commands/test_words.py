"""Every word re-decides its photo at once, is told, and never leaves a photo worse explained."""

from __future__ import annotations

from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.postgres.connection import Database
from connectors.postgres.photos.erasure import erase
from connectors.postgres.tags.deciding import Rules
from connectors.postgres.tags.decisions import Decision, Decisions, Word
from connectors.postgres.tags.rematching import Rematching
from dataflow.jobs.errors import ConfigurationError
from dataflow.jobs.reason import Reason
from dataflow.steps.matching import MatchPolicy
from tests.builders import photo, user
from tests.fixtures.recording import MODEL, THRESHOLD, Records, distance, face
from tests.saying import POLICY, take


def test_a_confirmed_user_without_a_vector_is_tagged_at_once_and_no_rerun_changes_it(
    matched: Records,
) -> None:
    matched.run("insert into users (id) values (%s)", user(9))

    effect = take(matched, Word.CONFIRMED, 9)

    assert (effect.before, effect.now, effect.reason) == (user(1), user(9), Reason.MATCHED)
    assert matched.matches() == {photo(1): user(9)}
    (row,) = matched.run("select confidence from face_matches")
    assert row["confidence"] is None
    outcome = matched.outcome()
    assert (outcome["reason"], outcome["user_id"], outcome["distance"]) == (
        "matched",
        user(9),
        None,
    )
    matched.run("delete from face_matches")
    matched.recorder(max_distance=0.1).record([face(1, seq=2)])
    assert matched.matches() == {photo(1): user(9)}


@given(words=st.lists(st.tuples(st.sampled_from(["confirmed", "rejected"]), st.integers(7, 9))))
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_word_for_whom_nobody_enrolled_removes_a_tag_without_another_in_its_place(
    matched: Records, words: list[tuple[str, int]]
) -> None:
    for number in (7, 8, 9):
        matched.run("insert into users (id) values (%s) on conflict do nothing", user(number))

    for word, number in words:
        assert take(matched, Word(word), number).now
        assert matched.matches().keys() == {photo(1)}


def test_nobody_removes_the_tag_for_good_and_forget_brings_it_back(matched: Records) -> None:
    decisions = Decisions(matched.recorder().database, Rules(POLICY, MODEL))
    take(matched, Word.CONFIRMED, 2)

    effect = decisions.take(Decision(photo(1), None, Word.NOBODY, "Olga"))

    assert (effect.before, effect.now, effect.reason) == (user(2), None, Reason.NOBODY)
    row = matched.outcome()
    assert (row["outcome"], row["reason"], row["nearest_user_id"]) == ("skipped", "nobody", None)
    (again,) = matched.recorder().record([face(1, seq=2)])
    assert again.reason is Reason.NOBODY
    assert not matched.matches()
    back = decisions.take(Decision(photo(1), None, Word.FORGOTTEN))
    assert (back.now, back.taken_back) == (user(1), 1)
    assert decisions.take(Decision(photo(1), None, Word.FORGOTTEN)).taken_back == 0
    assert matched.matches() == {photo(1): user(1)}


def test_forgetting_one_user_leaves_what_was_said_of_the_others(matched: Records) -> None:
    for number in (1, 2):
        take(matched, Word.REJECTED, number)

    assert take(matched, Word.FORGOTTEN, 2).now == user(2)
    assert take(matched, Word.FORGOTTEN, 1).now == user(1)


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (MatchPolicy(THRESHOLD, max_distance=0.001), "no_user_within_distance"),
        (MatchPolicy(THRESHOLD, min_margin=1.5), "ambiguous"),
    ],
)
def test_a_near_miss_names_who_it_nearly_was_whichever_way_it_was_decided(
    matched: Records, policy: MatchPolicy, reason: str
) -> None:
    matched.add_photos(2)
    matched.recorder(policy.max_distance, policy.min_margin).record([face(2, seq=2)])
    take(matched, Word.REJECTED, 3, policy=policy)  # photo 1 is decided again
    by_word, by_job = matched.outcome(1), matched.outcome(2)

    matched.run("update face_match_outcomes set nearest_user_id = null, second_user_id = null")
    matched.run("insert into face_rematches (model) values (%s)", MODEL)
    databases = Database(matched.settings), Database(matched.settings)
    with closing(Rematching(*databases, Rules(policy, MODEL))) as rematching:
        while rematching.step():
            pass

    for row in (by_word, by_job, matched.outcome(1), matched.outcome(2)):
        assert (row["reason"], row["user_id"]) == (reason, None)
        assert (row["nearest_user_id"], row["second_user_id"]) == (user(1), user(2))
        assert row["distance"] == pytest.approx(distance(10), abs=1e-6)
        assert row["margin"] == pytest.approx(distance(30) - distance(10), abs=1e-6)


def test_whoever_has_withdrawn_is_confirmed_no_more(matched: Records) -> None:
    with matched.recorder().database.connection() as connection:
        erase(connection, "user", user(1), row=False, dry_run=False)
    matched.add_photos(2)
    matched.recorder().record([face(2, seq=2)])
    decisions = Decisions(matched.recorder().database, Rules(POLICY, MODEL))

    with pytest.raises(ConfigurationError, match=f"{user(1)} has withdrawn .* --again"):
        decisions.take(Decision(photo(2), user(1), Word.CONFIRMED))

    assert matched.matches() == {photo(2): user(2)}
    assert not matched.run("table face_match_decisions")
    # And of the photo that showed them nothing is known, nor will be.
    assert take(matched, Word.CONFIRMED, 2).reason is Reason.WITHDRAWN


def test_each_word_is_told_with_its_cause_and_whose_it_was(matched: Records) -> None:
    matched.run("delete from face_outbox")
    take(matched, Word.REJECTED, 1)
    take(matched, Word.CONFIRMED, 3)
    decisions = Decisions(matched.recorder().database, Rules(POLICY, MODEL))
    decisions.take(Decision(photo(1), None, Word.NOBODY, "Olga"))
    decisions.take(Decision(photo(1), None, Word.FORGOTTEN, "Olga"))

    told = matched.run("select change, cause, by from face_outbox order by seq")
    assert [(row["change"], row["cause"]) for row in told] == [
        ("moved", "rejected"),
        ("moved", "confirmed"),
        ("lost", "rejected"),
        ("gained", "rematch"),
    ]
    assert {row["by"] for row in told} == {"Olga"}
