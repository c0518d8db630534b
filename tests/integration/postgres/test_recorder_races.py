"""The write side with many writers at once, and with rows that vanish under it."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import LiteralString, TypeVar
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import TupleRow

from connectors.postgres.photos.recorder import Recorder, _Proposal
from dataflow.gallery.search import Plan
from dataflow.jobs.outcome import Settled
from dataflow.jobs.reason import Reason
from dataflow.steps.request import Recognised
from tests.builders import photo, user
from tests.fixtures.recording import Records, face

T = TypeVar("T")
WRITERS = 8


def at_once(recorder: Recorder, work: Callable[[int], T]) -> list[T]:
    """Do the work on so many threads, which start together."""
    ready = threading.Barrier(WRITERS)

    def run(index: int) -> T:
        ready.wait()
        try:
            return work(index)
        finally:
            recorder.database.close()

    with ThreadPoolExecutor(WRITERS) as pool:
        return list(pool.map(run, range(WRITERS)))


@pytest.mark.parametrize("same_face", [True, False])
def test_a_photo_gets_one_match_however_many_jobs_for_it_are_written_at_once(
    records: Records, *, same_face: bool
) -> None:
    records.add_user(1, 0)
    records.add_user(2, 90)
    records.add_photos(1)
    recorder = records.recorder()

    def record(index: int) -> list[Settled]:
        face_index = 0 if same_face else index
        return recorder.record([face(1, 90 * (index % 2), seq=1 + index, face_index=face_index)])

    answers = [answer for batch in at_once(recorder, record) for answer in batch]

    found = sorted(answer.reason for answer in answers)
    assert found == [Reason.ALREADY_MATCHED] * (WRITERS - 1) + [Reason.MATCHED]
    (winner,) = [answer for answer in answers if answer.match]
    assert winner.match
    assert records.matches() == {photo(1): winner.match.user_id}
    assert records.outcome()["stream_seq"] == winner.delivery.stream_seq
    assert len(records.faces()) == 1


def test_a_job_delivered_to_many_workers_at_once_is_recorded_once(records: Records) -> None:
    records.add_user(1, 0)
    records.add_photos(1)
    recorder = records.recorder()

    answers = [a for batch in at_once(recorder, lambda _: recorder.record([face()])) for a in batch]

    assert {answer.reason for answer in answers} == {Reason.MATCHED}
    assert [answer.repeated for answer in answers].count(False) == 1
    assert records.matches() == {photo(1): user(1)}


def test_batches_in_any_order_do_not_wait_for_each_other(records: Records) -> None:
    photos, rounds = 12, 6
    records.add_photos(*range(1, photos + 1))
    for number in range(1, 5):
        records.add_user(number, 90 * number)
    recorder = records.recorder()

    def record(index: int) -> None:
        dice = random.Random(index)  # noqa: S311 - repeatable, not secret
        for turn in range(rounds):
            batch = [
                face(number, 90 * number, seq=1000 * number + rounds * index + turn)
                for number in range(1, photos + 1)
            ]
            dice.shuffle(batch)
            recorder.record(batch)  # which tries nothing twice: a deadlock would raise

    at_once(recorder, record)

    assert records.matches() == {
        photo(number): user((number - 1) % 4 + 1) for number in range(1, photos + 1)
    }


def test_users_and_photos_may_be_deleted_while_they_are_written(records: Records) -> None:
    numbers = range(1, 41)
    records.add_photos(*numbers)
    for number in numbers:
        records.add_user(number, number)
    recorder = records.recorder()

    def work(index: int) -> list[Settled]:
        mine = list(numbers)[index::WRITERS]
        if index == 0:
            with psycopg.connect(records.settings.dsn.get_secret_value()) as platform:
                platform.autocommit = True
                for number in mine:
                    platform.execute("delete from users where id = %s", [user(number)])
                    platform.execute("delete from photos where id = %s", [photo(number)])
            return []
        everything: list[Recognised | Settled] = [
            face(number, number, seq=100 * index + number) for number in numbers
        ]
        return [a for i in range(0, 40, 8) for a in recorder.record(everything[i : i + 8])]

    answers = [answer for batch in at_once(recorder, work) for answer in batch]

    assert len(answers) == (WRITERS - 1) * len(numbers)
    assert {a.reason for a in answers} <= {
        Reason.MATCHED,
        Reason.ALREADY_MATCHED,
        Reason.PHOTO_NOT_FOUND,
        Reason.WITHDRAWN,
    }
    gone = set(list(numbers)[::WRITERS])
    matched = records.matches()
    assert not matched.keys() & {photo(number) for number in gone}
    assert not set(matched.values()) & {user(number) for number in gone}


def losing(*users: UUID, statement: LiteralString) -> type[Recorder]:
    """A recorder to whose nearest users something is done, one by one, right after each search."""
    doomed = list(users)

    class Losing(Recorder):
        def _propose(
            self, connection: psycopg.Connection[TupleRow], faces: Sequence[Recognised], plan: Plan
        ) -> list[_Proposal]:
            proposals = super()._propose(connection, faces, plan)
            if faces and doomed:
                connection.execute(statement, [doomed.pop(0)])
            return proposals

    return Losing


DELETED: LiteralString = "delete from users where id = %s"
EMPTIED: LiteralString = "update users set face_embedding = null where id = %s"


@pytest.mark.parametrize("emptied", [1, 2])
def test_the_next_nearest_is_matched_when_the_nearest_is_enrolled_no_more(
    records: Records, emptied: int
) -> None:
    users = [records.add_user(number, 10 * number) for number in (1, 2, 3)]
    records.add_user(9, 180)
    records.add_photos(1, 2)
    recorder = records.recorder(kind=losing(*users[:emptied], statement=EMPTIED))

    answers = recorder.record([face(1, 0), face(2, 180)])

    assert {answer.reason for answer in answers} == {Reason.MATCHED}
    assert records.matches() == {photo(1): users[emptied], photo(2): user(9)}
    assert records.outcome(1)["user_id"] == users[emptied]


def test_a_face_whose_user_is_deleted_meanwhile_is_nobody_elses(records: Records) -> None:
    users = [records.add_user(number, 10 * number) for number in (1, 2)]
    records.add_photos(1)
    recorder = records.recorder(kind=losing(users[0], statement=DELETED))

    (answer,) = recorder.record([face(1, 0)])

    assert answer.reason is Reason.WITHDRAWN
    assert not records.faces()
    assert not records.matches()
    (row,) = records.run("select photo_id, user_id from face_withdrawn_photos")
    assert (row["photo_id"], row["user_id"]) == (photo(1), users[0])


def test_nobody_is_enrolled_when_the_only_user_is_emptied_meanwhile(records: Records) -> None:
    only = records.add_user(1, 0)
    records.add_photos(1)

    (answer,) = records.recorder(kind=losing(only, statement=EMPTIED)).record([face()])

    assert answer.reason is Reason.NO_ENROLLED_USERS
    assert len(records.faces()) == 1
    assert records.outcome()["reason"] == "no_enrolled_users"
