"""The write side on the real database: who is nearest, what is stored, and what keeps its place."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from dataflow.faces.face import Embedding
from dataflow.jobs.outcome import Match, Settled
from dataflow.jobs.reason import Reason
from dataflow.steps.request import Recognised
from tests.builders import DIMENSION, PUBLISHED, photo, settled, user
from tests.fixtures.recording import MODEL, Records, distance, face


def reasons(items: list[Settled]) -> list[Reason]:
    return [item.reason for item in items]


# Who it is


def test_the_nearest_of_several_users_is_matched(records: Records) -> None:
    for number, degrees in ((1, 80), (2, 20), (3, -30), (4, 180)):
        records.add_user(number, degrees)
    records.add_photos(1, 2)

    answers = records.recorder().record([face(1, 0), face(2, 60)])

    by_photo = {answer.job.photo_id: answer for answer in answers if answer.job}
    first, second = by_photo[photo(1)].match, by_photo[photo(2)].match
    assert first
    assert second
    assert (first.user_id, first.within_threshold) == (user(2), True)
    assert first.distance == pytest.approx(distance(20), abs=1e-6)
    assert second.user_id == user(1)
    assert records.matches() == {photo(1): user(2), photo(2): user(1)}


def test_a_match_is_stored_with_its_face_and_its_outcome(records: Records) -> None:
    records.add_user(1, 70)
    records.add_photos(1)

    records.recorder().record([face(1, 0, face_index=3)])

    (stored,) = records.faces()
    assert (stored["face_index"], stored["model"], stored["det_score"]) == (3, MODEL, 0.75)
    assert stored["bbox"] == {"x1": 1, "y1": 2, "x2": 3.5, "y2": 4}
    (match,) = records.run("select * from face_matches")
    assert (match["photo_face_id"], match["user_id"]) == (stored["id"], user(1))
    assert match["confidence"] == pytest.approx(distance(70), abs=1e-6)
    row = records.outcome()
    assert (row["outcome"], row["reason"], row["user_id"]) == ("matched", "matched", user(1))
    assert (row["within_threshold"], row["model"]) == (False, MODEL)
    assert (row["stream_seq"], row["published_at"], row["deliveries"]) == (1, PUBLISHED, 1)
    assert row["known_photo_id"] == photo(1)


def test_users_of_another_model_are_not_compared(records: Records) -> None:
    records.add_user(1, 0, model="other-0123456789ab")
    records.add_user(2, 50)
    records.add_photos(1)

    records.recorder().record([face()])

    assert records.matches() == {photo(1): user(2)}


def test_without_enrolled_users_the_face_is_kept_and_the_job_skipped(records: Records) -> None:
    records.run("insert into users default values")
    records.add_photos(1)

    answers = records.recorder().record([face()])

    assert reasons(answers) == [Reason.NO_ENROLLED_USERS]
    assert len(records.faces()) == 1
    assert not records.matches()
    assert (records.outcome()["outcome"], records.outcome()["user_id"]) == ("skipped", None)


def test_a_user_beyond_the_maximal_distance_is_reported_but_not_matched(records: Records) -> None:
    records.add_user(1, 60)
    records.add_photos(1, 2)

    answers = records.recorder(max_distance=0.45).record([face(1, 0), face(2, 10)])

    assert reasons(answers) == [Reason.NO_USER_WITHIN_DISTANCE, Reason.MATCHED]
    assert records.matches() == {photo(2): user(1)}
    row = records.outcome(1)
    assert (row["reason"], row["user_id"]) == ("no_user_within_distance", None)
    assert row["distance"] == pytest.approx(distance(60), abs=1e-6)


def test_two_users_that_are_too_near_to_each_other_are_ambiguous(records: Records) -> None:
    records.add_user(1, 20)
    records.add_user(2, -25)
    records.add_photos(1, 2)

    answers = records.recorder(min_margin=0.05).record([face(1, 0), face(2, 15)])

    assert reasons(answers) == [Reason.AMBIGUOUS, Reason.MATCHED]
    assert records.matches() == {photo(2): user(1)}


# Photos and jobs that come again


def test_a_photo_that_was_deleted_meanwhile_is_not_found(records: Records) -> None:
    records.add_user(1, 0)

    assert reasons(records.recorder().record([face()])) == [Reason.PHOTO_NOT_FOUND]
    assert not records.faces()
    assert (records.outcome()["known_photo_id"], records.outcome()["user_id"]) == (None, None)


def test_the_same_sequence_again_repeats_the_first_outcome(records: Records) -> None:
    records.add_user(1, 20)
    records.add_photos(1)
    recorder = records.recorder()
    (first,) = recorder.record([face()])
    before = records.outcome()
    records.add_user(2, 0)  # who would be nearer now

    (again,) = recorder.record([face()])

    assert again == replace(first, repeated=True, delivery=again.delivery)
    assert records.outcome() == before
    assert records.matches() == {photo(1): user(1)}


def test_a_sequence_of_a_stream_that_was_made_again_is_another_job(records: Records) -> None:
    records.add_user(1, 0)
    records.add_photos(1)
    recorder = records.recorder()
    recorder.record([face()])
    item = face()
    later = replace(item.delivery, published_at=PUBLISHED + timedelta(days=1))

    (answer,) = recorder.record([replace(item, delivery=later)])

    assert (answer.reason, answer.repeated) == (Reason.ALREADY_MATCHED, False)


def test_a_duplicate_of_a_recorded_job_is_skipped_and_overwrites_nothing(records: Records) -> None:
    records.add_user(1, 0)
    records.add_photos(1)
    recorder = records.recorder()
    recorder.record([face(seq=1)])
    before = records.outcome()

    answers = recorder.record([face(seq=2, face_index=1, duplicate_of=1)])

    assert reasons(answers) == [Reason.DUPLICATE_IN_FLIGHT]
    assert records.outcome() == before
    assert len(records.faces()) == 1


def test_a_duplicate_whose_original_was_lost_takes_its_place(records: Records) -> None:
    records.add_user(1, 0)
    records.add_photos(1)
    recorder = records.recorder()

    assert reasons(recorder.record([face(seq=2, duplicate_of=1)])) == [Reason.MATCHED]
    assert reasons(recorder.record([face(seq=1)])) == [Reason.ALREADY_MATCHED]
    assert records.outcome()["stream_seq"] == 2


def test_another_face_of_a_matched_photo_is_already_matched(records: Records) -> None:
    records.add_user(1, 0)
    records.add_photos(1)
    recorder = records.recorder()
    recorder.record([face(seq=1)])
    before = records.outcome()

    assert reasons(recorder.record([face(seq=2, face_index=5)])) == [Reason.ALREADY_MATCHED]
    assert reasons(recorder.record([face(seq=2, face_index=5)])) == [Reason.ALREADY_MATCHED]
    assert records.outcome() == before
    assert len(records.faces()) == 1


@pytest.mark.parametrize("reason", [Reason.NO_FACE, Reason.IMAGE_NOT_FOUND, Reason.ALREADY_MATCHED])
def test_a_later_job_takes_nothing_from_a_match_while_that_exists(
    records: Records, reason: Reason
) -> None:
    records.add_user(1, 0)
    records.add_photos(1)
    recorder = records.recorder()
    recorder.record([face(seq=1)])
    before = records.outcome()
    item = settled(reason)
    later = replace(item, delivery=replace(item.delivery, stream_seq=2))

    assert recorder.record([later]) == [later]
    assert records.outcome() == before
    records.run("delete from face_matches")
    recorder.record([later])
    expected = "matched" if reason is Reason.ALREADY_MATCHED else reason
    assert records.outcome()["reason"] == expected


def test_a_face_replaces_an_earlier_outcome_without_a_match(records: Records) -> None:
    records.add_photos(1)
    recorder = records.recorder()
    recorder.record([settled(Reason.NO_FACE, detail="no face found")])
    records.add_user(1, 0)

    recorder.record([face(seq=2)])

    row = records.outcome()
    assert (row["reason"], row["detail"], row["stream_seq"]) == ("matched", "", 2)


# Rows that cannot be written, rows that go


@pytest.mark.parametrize(
    "embedding",
    [np.ones(DIMENSION + 1, np.float32), np.full(DIMENSION, np.nan, np.float32)],
    ids=["too long", "not a number"],
)
@pytest.mark.parametrize("bad", [1, 4, 8])
def test_one_bad_row_is_rejected_alone(records: Records, embedding: Embedding, bad: int) -> None:
    records.add_user(1, 0)
    records.add_photos(*range(1, 9))
    batch: list[Recognised | Settled] = [face(number) for number in range(1, 9)]
    item = face(bad)
    batch[bad - 1] = replace(item, face=replace(item.face, embedding=embedding))

    answers = records.recorder().record(batch)

    found = {answer.job.photo_id: answer.reason for answer in answers if answer.job}
    expected = {photo(number): Reason.MATCHED for number in range(1, 9)}
    assert found == expected | {photo(bad): Reason.WRITE_REJECTED}
    assert records.reasons() == found
    assert len(answers) == 8
    assert len(records.matches()) == 7
    assert records.outcome(bad)["detail"]


def test_a_detail_that_cannot_be_stored_is_settled_without_a_row(records: Records) -> None:
    records.add_photos(1)
    item = settled(Reason.IMAGE_UNDECODABLE, detail="nul \0 byte")

    assert records.recorder().record([item]) == [item]


def test_settled_jobs_and_faces_are_recorded_together(records: Records) -> None:
    records.add_user(1, 0)
    records.add_photos(1, 2)
    match = Match(user(1), 0.1, within_threshold=True)
    repeated = replace(settled(Reason.MATCHED, 3), match=match, repeated=True)
    unreadable = replace(settled(Reason.MALFORMED_PAYLOAD, 4), job=None)

    answers = records.recorder().record([repeated, face(1), settled(number=2), unreadable])

    assert len(answers) == 4
    assert records.reasons() == {photo(1): "matched", photo(2): "no_face"}


def test_a_photo_takes_its_faces_its_match_and_its_outcome_along(records: Records) -> None:
    records.add_user(1, 0)
    records.add_photos(1, 2)
    records.recorder().record([face(1), face(2)])

    records.run("delete from photos where id = %s", photo(1))

    assert records.matches() == {photo(2): user(1)}
    assert records.reasons() == {photo(2): "matched"}
    assert len(records.faces()) == 1


def test_a_user_takes_the_match_and_the_outcome_along_and_the_photo_is_not_looked_at_again(
    records: Records,
) -> None:
    records.add_user(1, 0)
    records.add_user(2, 30)
    records.add_photos(1)
    recorder = records.recorder()
    recorder.record([face(seq=1)])

    records.run("delete from users where id = %s", user(1))

    assert not records.matches()
    assert not records.run("select from face_match_outcomes")
    assert reasons(recorder.record([face(seq=2)])) == [Reason.WITHDRAWN]
    assert not records.matches()
    assert not records.faces()
