"""A user rejected for a photo stays rejected, a confirmed one stays, whatever the models say."""

from __future__ import annotations

from contextlib import closing
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.postgres.connection import Database
from connectors.postgres.photos.erasure import erase
from connectors.postgres.photos.recorder import Recorder
from connectors.postgres.tags.deciding import Rules
from connectors.postgres.tags.decisions import Decision, Decisions, Effect, Word
from connectors.postgres.tags.rematching import Rematching
from dataflow.jobs.errors import ConfigurationError
from dataflow.jobs.reason import Reason
from dataflow.steps.matching import MatchPolicy
from tests.builders import photo, user
from tests.fixtures.recording import MODEL, THRESHOLD, Records, distance, face

POLICY = MatchPolicy(THRESHOLD)


def take(
    records: Records,
    word: Word,
    number: int,
    face_index: int | None = None,
    policy: MatchPolicy = POLICY,
) -> Effect:
    """Say something of photo 1 and user 1, 2 and so on."""
    decisions = Decisions(records.recorder().database, policy, MODEL)
    return decisions.take(Decision(photo(1), user(number), word, "Olga", face_index))


@pytest.fixture
def matched(records: Records) -> Records:
    """Photo 1 shows user 1; user 2 is farther, user 3 farthest."""
    records.add_photos(1)
    for number, degrees in ((1, 10), (2, 30), (3, 80)):
        records.add_user(number, degrees)
    records.recorder().record([face(1)])
    return records


def test_after_a_rejection_the_next_nearest_user_is_recorded_at_once(matched: Records) -> None:
    effect = take(matched, Word.REJECTED, 1)

    assert (effect.before, effect.now, effect.reason) == (user(1), user(2), Reason.MATCHED)
    assert matched.matches() == {photo(1): user(2)}
    row = matched.outcome()
    assert (row["reason"], row["user_id"]) == ("matched", user(2))
    assert row["distance"] == pytest.approx(distance(30), abs=1e-6)
    assert row["margin"] == pytest.approx(distance(80) - distance(30), abs=1e-6)


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (MatchPolicy(THRESHOLD, max_distance=0.05), Reason.NO_USER_WITHIN_DISTANCE),
        (MatchPolicy(THRESHOLD, min_margin=1.5), Reason.AMBIGUOUS),
    ],
)
def test_the_next_nearest_user_must_pass_the_same_limits(
    matched: Records, policy: MatchPolicy, reason: Reason
) -> None:
    effect = take(matched, Word.REJECTED, 1, policy=policy)
    assert effect.reason is reason
    assert not matched.matches()
    row = matched.outcome()
    assert (row["outcome"], row["reason"], row["user_id"]) == ("skipped", reason, None)


def test_a_rerun_never_brings_a_rejected_user_back(matched: Records) -> None:
    for number in (1, 2):
        take(matched, Word.REJECTED, number)
    matched.run("delete from face_matches")
    recorder = matched.recorder()

    assert recorder.record([face(1, seq=2)])[0].reason is Reason.MATCHED
    assert matched.matches() == {photo(1): user(3)}
    take(matched, Word.REJECTED, 3)
    (answer,) = recorder.record([face(1, seq=3)])

    assert (answer.reason, answer.match) == (Reason.NO_USER_WITHIN_DISTANCE, None)
    assert not matched.matches()


def test_a_rejection_concerns_its_photo_alone(matched: Records) -> None:
    matched.add_photos(2)
    take(matched, Word.REJECTED, 1)

    matched.recorder().record([face(2, seq=2)])

    assert matched.matches() == {photo(1): user(2), photo(2): user(1)}


def test_rejecting_whom_nobody_tagged_leaves_the_match_alone(matched: Records) -> None:
    effect = take(matched, Word.REJECTED, 2)

    assert (effect.before, effect.now) == (user(1), user(1))
    assert matched.matches() == {photo(1): user(1)}
    # Whom it does not show is no rival any more.
    assert matched.outcome()["margin"] == pytest.approx(distance(80) - distance(10), abs=1e-6)
    assert take(matched, Word.REJECTED, 1).now == user(3)


def test_a_confirmed_user_takes_the_place_of_whom_the_models_saw_and_stays(
    matched: Records,
) -> None:
    effect = take(matched, Word.CONFIRMED, 3, policy=MatchPolicy(THRESHOLD, 0.1))

    assert (effect.before, effect.now) == (user(1), user(3))
    assert matched.outcome()["distance"] == pytest.approx(distance(80), abs=1e-6)
    matched.run("delete from face_matches")
    recorder = matched.recorder(max_distance=0.1)
    assert recorder.record([face(1, seq=2)])[0].reason is Reason.MATCHED
    assert matched.matches() == {photo(1): user(3)}


def test_the_last_word_counts(matched: Records) -> None:
    take(matched, Word.CONFIRMED, 2)
    take(matched, Word.CONFIRMED, 3)
    assert take(matched, Word.REJECTED, 3).now == user(1)
    assert take(matched, Word.REJECTED, 1).now == user(2)
    assert take(matched, Word.CONFIRMED, 1).now == user(1)

    rows = matched.run("select user_id, decision, decided_by from face_match_decisions")
    assert {(row["user_id"], row["decision"]) for row in rows} == {
        (user(1), "confirmed"),
        (user(3), "rejected"),
    }
    assert {row["decided_by"] for row in rows} == {"Olga"}


@pytest.mark.parametrize("word", [Word.CONFIRMED, Word.REJECTED])
def test_what_was_said_before_the_first_job_is_respected_by_it(
    records: Records, word: Word
) -> None:
    records.add_photos(1)
    records.add_user(1, 0)
    records.add_user(2, 60)
    number = 2 if word is Word.CONFIRMED else 1

    assert take(records, word, number) == Effect(None, None, None, None)
    records.recorder().record([face(1)])

    assert records.matches() == {photo(1): user(2)}


@pytest.mark.parametrize("word", [Word.CONFIRMED, Word.REJECTED])
def test_what_is_said_between_search_and_write_is_respected(records: Records, word: Word) -> None:
    records.add_photos(1)
    records.add_user(1, 0)
    records.add_user(2, 60)

    class Late(Recorder):
        def _write(self, *arguments: Any) -> Any:  # noqa: ANN401 - passed on
            if not records.run("select from face_match_decisions"):
                take(records, word, 2 if word is Word.CONFIRMED else 1)
            return super()._write(*arguments)

    records.recorder(kind=Late).record([face(1)])

    assert records.matches() == {photo(1): user(2)}


def test_of_several_faces_one_must_be_named(records: Records) -> None:
    records.add_photos(1)
    records.add_user(1, 0)
    recorder = records.recorder(max_distance=0.01)
    recorder.record([face(1, 40, face_index=0)])
    recorder.record([face(1, 50, seq=2, face_index=7)])

    with pytest.raises(ConfigurationError, match="--face-index"):
        take(records, Word.CONFIRMED, 1)
    with pytest.raises(ConfigurationError, match="no recorded face 3"):
        take(records, Word.CONFIRMED, 1, face_index=3)
    assert not records.run("table face_match_decisions")
    assert take(records, Word.CONFIRMED, 1, face_index=7).now == user(1)
    (row,) = records.run("select confidence from face_matches")
    assert row["confidence"] == pytest.approx(distance(50), abs=1e-6)


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
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_word_for_whom_nobody_enrolled_removes_a_tag_without_another_in_its_place(
    matched: Records, words: list[tuple[str, int]]
) -> None:
    for number in (7, 8, 9):
        matched.run("insert into users (id) values (%s) on conflict do nothing", user(number))

    for word, number in words:
        assert take(matched, Word(word), number).now
        assert matched.matches().keys() == {photo(1)}


def test_nobody_removes_the_tag_for_good_and_forget_brings_it_back(matched: Records) -> None:
    decisions = Decisions(matched.recorder().database, POLICY, MODEL)
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
    decisions = Decisions(matched.recorder().database, POLICY, MODEL)

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
    decisions = Decisions(matched.recorder().database, POLICY, MODEL)
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


def test_an_unknown_photo_or_user_is_named(matched: Records) -> None:
    with pytest.raises(ConfigurationError, match=f"there is no user {user(9)}"):
        take(matched, Word.CONFIRMED, 9)
    unknown = uuid4()
    decisions = Decisions(matched.recorder().database, MatchPolicy(THRESHOLD), MODEL)
    with pytest.raises(ConfigurationError, match=f"there is no photo {unknown}"):
        decisions.take(Decision(unknown, user(1), Word.REJECTED))


def test_decisions_go_with_their_photo_and_their_user(matched: Records) -> None:
    matched.add_photos(2)
    decisions = Decisions(matched.recorder().database, MatchPolicy(THRESHOLD), MODEL)
    pairs: list[tuple[UUID, UUID]] = [(photo(1), user(1)), (photo(2), user(1)), (photo(2), user(2))]
    for photo_id, user_id in pairs:
        decisions.take(Decision(photo_id, user_id, Word.REJECTED))

    matched.run("delete from photos where id = %s", photo(1))
    matched.run("delete from users where id = %s", user(2))

    (row,) = matched.run("select photo_id, user_id from face_match_decisions")
    assert (row["photo_id"], row["user_id"]) == pairs[1]
