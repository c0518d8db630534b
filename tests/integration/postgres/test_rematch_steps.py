"""Matching again in steps: one process at a time, stopped at any moment, beside jobs."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from connectors.postgres.connection import Database
from connectors.postgres.photos.recorder import Recorder
from connectors.postgres.tags import sifting
from connectors.postgres.tags.rematching import Rematching
from tests.builders import photo, user
from tests.fixtures.recording import MODEL, Records, direction, face
from tests.fixtures.rematching import NEAR, rematching_of, settle


def test_it_goes_on_where_it_was_and_begins_again_when_the_table_was_rewritten(
    records: Records, monkeypatch: pytest.MonkeyPatch, rematching: Rematching
) -> None:
    monkeypatch.setattr(sifting, "BLOCKS", 1)
    monkeypatch.setattr(sifting, "BLOCKS_OF_ALL", 1)
    numbers = range(1, 201)
    records.add_photos(*numbers)
    for start in range(1, 201, 20):
        records.recorder(NEAR).record([face(number, 0) for number in range(start, start + 20)])
    records.add_user(1, 0)

    rematching.step()
    first = rematching.step()
    assert first
    assert 0 < first.done < first.total
    with closing(rematching_of(records)) as another:
        second = another.step()
    assert second
    assert second.done == first.done + 1

    records.run("vacuum full photo_faces")
    rematching.step()
    again = rematching.step()
    assert again
    assert again.done <= second.done
    settle(rematching)
    assert len(records.matches()) == len(numbers)


def test_one_process_at_a_time_has_the_turn(records: Records, rematching: Rematching) -> None:
    records.add_photos(1)
    records.recorder(NEAR).record([face(1, 0)])
    records.add_user(1, 0)
    holding, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with (
            closing(Database(records.settings)) as database,
            database.connection() as connection,
            connection.transaction(),
        ):
            connection.execute("select pg_advisory_xact_lock(1344253154)")
            holding.set()
            let_go.wait()

    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(hold)
        try:
            holding.wait()
            assert rematching.step() is None
        finally:
            let_go.set()
        held.result()
    assert settle(rematching)
    assert records.matches() == {photo(1): user(1)}


def test_a_job_that_was_searching_when_somebody_enrolled_is_not_passed_over(
    records: Records, rematching: Rematching
) -> None:
    records.add_photos(1)
    searched, go_on = threading.Event(), threading.Event()

    class Slow(Recorder):
        def _write(self, *arguments: Any) -> Any:  # noqa: ANN401 - passed on
            searched.set()
            go_on.wait()
            return super()._write(*arguments)

    recorder = records.recorder(NEAR, kind=Slow)

    def record() -> None:
        with closing(recorder.database):
            recorder.record([face(1, 0)])

    def match_again() -> None:
        with closing(rematching):
            settle(rematching)

    with ThreadPoolExecutor(2) as pool:
        job = pool.submit(record)
        try:
            searched.wait()
            records.add_user(1, 0)
            again = pool.submit(match_again)
            waits = "select 1 from pg_locks where locktype = 'advisory' and not granted"
            while not records.run(waits):
                assert not again.done(), "it did not wait for the job"
        finally:
            go_on.set()
        job.result()
        again.result()

    assert records.matches() == {photo(1): user(1)}


def test_a_table_that_is_rewritten_before_the_last_step_is_looked_through_again(
    records: Records, monkeypatch: pytest.MonkeyPatch, rematching: Rematching
) -> None:
    monkeypatch.setattr(sifting, "BLOCKS", 1)
    monkeypatch.setattr(sifting, "BLOCKS_OF_ALL", 1)
    numbers = range(1, 101)
    records.add_photos(*numbers)
    records.recorder(NEAR).record([face(number, 0) for number in numbers])
    records.add_user(1, 0)
    piece = rematching.step()
    while piece and piece.done + 1 < blocks(records):
        piece = rematching.step()
    records.run("vacuum full photo_faces")

    last = rematching.step()

    assert last
    assert last.done == last.total
    assert [row["place"] for row in records.run("select place from face_rematches")] == [0]
    settle(rematching)
    assert len(records.matches()) == len(numbers)


def blocks(records: Records) -> int:
    (row,) = records.run("select blocks from face_rematches")
    return int(row["blocks"])


def test_nobody_waits_for_the_turn_who_wants_the_table_of_faces_for_himself(
    records: Records, rematching: Rematching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cut-over does: it must not wait for a step that waits for it."""
    records.add_photos(1)
    records.recorder(NEAR).record([face(1, 0)])
    records.add_user(1, 0)
    rematching.step()
    decide, between = Rematching._decide, []

    def locked(*arguments: Any) -> Any:  # noqa: ANN401 - passed on
        records.run("begin")
        records.run("lock table photo_faces in access exclusive mode nowait")
        between.append(records.run("rollback"))
        return decide(*arguments)

    monkeypatch.setattr(Rematching, "_decide", locked)
    settle(rematching)

    assert between
    assert records.matches() == {photo(1): user(1)}


def test_somebody_who_enrols_while_all_is_looked_through_makes_one_more_round(
    records: Records, monkeypatch: pytest.MonkeyPatch, rematching: Rematching
) -> None:
    monkeypatch.setattr(sifting, "BLOCKS", 1)
    monkeypatch.setattr(sifting, "BLOCKS_OF_ALL", 1)
    numbers = range(1, 201)
    records.add_photos(*numbers)
    records.recorder(NEAR).record([face(number, 0) for number in numbers])
    records.run("insert into face_rematches (model) values (%s)", MODEL)
    rematching.step()
    rematching.step()

    records.add_user(1, 5)
    settle(rematching)

    assert len(records.matches()) == len(numbers)


@pytest.mark.parametrize("ago", ["1 minute", "1 hour"])
def test_wishes_of_several_kinds_share_one_look(
    records: Records, rematching: Rematching, ago: str
) -> None:
    records.add_photos(1, 2, 3)
    records.add_user(1, 0)
    records.recorder(NEAR).record([face(1, 90), face(2, 180), face(3, 270)])
    settle(rematching)
    records.run("update photo_faces set updated_at = now() - interval '30 minutes'")
    records.add_user(2, 90)
    records.add_user(3, 180)
    records.run("delete from face_rematches where user_id = %s", user(3))
    records.run(
        "insert into face_rematches (model, since) values (%s, now() - %s::interval)", MODEL, ago
    )

    settle(rematching)

    everybody = {photo(1): user(2), photo(2): user(3)}
    assert records.matches() == (everybody if ago == "1 hour" else {photo(1): user(2)})


def test_changes_that_keep_coming_do_not_keep_it_from_going_on(
    records: Records, rematching: Rematching
) -> None:
    records.add_photos(1, 2, 3)
    records.recorder(NEAR).record([face(1, 0), face(2, 20), face(3, 90)])
    records.add_user(1, 5)
    records.add_user(2, 180)
    for degrees in range(181, 190):
        vector = str(direction(degrees).tolist())
        records.run("update users set face_embedding = %s where id = %s", vector, user(2))
        records.run("insert into face_rematches (photo_id) values (%s)", photo(3))
        assert rematching.step() is not None

    assert records.matches() == {photo(1): user(1), photo(2): user(1)}
