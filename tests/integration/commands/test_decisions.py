"""A user rejected for a photo stays rejected, a confirmed one stays, whatever the models say."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from connectors.postgres.photos.recorder import Recorder
from connectors.postgres.tags.deciding import Rules
from connectors.postgres.tags.decisions import Decision, Decisions, Effect, Word
from dataflow.jobs.errors import ConfigurationError
from dataflow.jobs.reason import Reason
from dataflow.steps.matching import MatchPolicy
from tests.builders import photo, user
from tests.fixtures.recording import MODEL, THRESHOLD, Records, distance, face
from tests.saying import take


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


def test_an_unknown_photo_or_user_is_named(matched: Records) -> None:
    with pytest.raises(ConfigurationError, match=f"there is no user {user(9)}"):
        take(matched, Word.CONFIRMED, 9)
    unknown = uuid4()
    decisions = Decisions(matched.recorder().database, Rules(MatchPolicy(THRESHOLD), MODEL))
    with pytest.raises(ConfigurationError, match=f"there is no photo {unknown}"):
        decisions.take(Decision(unknown, user(1), Word.REJECTED))


def test_decisions_go_with_their_photo_and_their_user(matched: Records) -> None:
    matched.add_photos(2)
    decisions = Decisions(matched.recorder().database, Rules(MatchPolicy(THRESHOLD), MODEL))
    pairs: list[tuple[UUID, UUID]] = [(photo(1), user(1)), (photo(2), user(1)), (photo(2), user(2))]
    for photo_id, user_id in pairs:
        decisions.take(Decision(photo_id, user_id, Word.REJECTED))

    matched.run("delete from photos where id = %s", photo(1))
    matched.run("delete from users where id = %s", user(2))

    (row,) = matched.run("select photo_id, user_id from face_match_decisions")
    assert (row["photo_id"], row["user_id"]) == pairs[1]
