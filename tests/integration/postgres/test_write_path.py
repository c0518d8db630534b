"""What a batch costs the database: few statements, each planned once, vectors as they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.postgres.photos.registry import PostgresPhotos
from connectors.postgres.sql_files import query, sql_folder
from dataflow.jobs.errors import DataError
from dataflow.jobs.outcome import Settled
from dataflow.jobs.reason import Reason
from dataflow.steps.request import Recognised
from tests.builders import delivery, job, photo
from tests.fixtures.recording import ONCE, Records, face

BATCHES = 8
BATCH = 4
PSYCOPG_REMEMBERS = 4096  # characters of a statement, in psycopg._queries


def batches() -> Iterator[list[Recognised | Settled]]:
    """Faces, and one job that ended without one, for photos that nobody has seen."""
    for number in range(BATCHES):
        first = 1 + BATCH * number
        settled = Settled(delivery(seq=first), job(first), Reason.NO_FACE)
        yield [settled, *(face(other) for other in range(first + 1, first + BATCH))]


def test_every_statement_of_a_batch_is_prepared(records: Records) -> None:
    records.add_user(1, 0)
    records.add_photos(*range(1, 1 + BATCH * BATCHES))
    recorder = records.recorder()
    photos = PostgresPhotos(recorder.database, ONCE)
    for batch in batches():
        photos.states([item.job.photo_id for item in batch if item.job])
        assert len(recorder.record(batch)) == BATCH

    with recorder.database.connection() as connection:
        rows = connection.execute(
            "select statement, parameter_types::text[] from pg_prepared_statements"
        ).fetchall()
    for name in (
        "photo_states",
        "nearest_users",
        "lock_photos",
        "record_matches",
        "record_outcomes",
    ):
        # The driver puts $1, $2 and so on for the parameters' names.
        beginning = query(name).partition("%")[0]
        assert [text for text, _ in rows if text.startswith(beginning)], f"{name} is not prepared"
    vectors = [types for _, types in rows if "vector[]" in types]
    assert len(vectors) == 2, "the vectors of a batch are one binary array"


def test_a_batch_makes_one_round_trip_for_each_of_its_four_questions(
    records: Records, tmp_path: Path
) -> None:
    records.add_user(1, 0)
    records.add_photos(*range(1, 1 + BATCH * BATCHES))
    recorder = records.recorder()
    photos = PostgresPhotos(recorder.database, ONCE)
    *warming_up, last = batches()
    for batch in warming_up:
        recorder.record(batch)
        photos.states([photo(1)])
    with (
        recorder.database.connection() as connection,
        (tmp_path / "trace").open("w+b") as trace,
    ):
        connection.pgconn.trace(trace.fileno())
        photos.states([photo(1)])
        recorder.record(last)
        connection.pgconn.untrace()
        trace.seek(0)
        # The server says so once it has answered all that was sent.
        assert trace.read().count(b"ReadyForQuery") == 4


def test_what_is_sent_together_is_stored_together(records: Records) -> None:
    records.add_user(1, 0)
    records.add_photos(1, 2)
    unstorable = Settled(delivery(seq=1), job(1), Reason.NO_FACE, "\0")
    recorder = records.recorder()
    with pytest.raises(DataError), recorder.database.connection() as connection:
        recorder._once(connection, [face(2)], [unstorable])
    assert records.faces() == []


def test_no_statement_is_too_long_for_the_driver_to_remember() -> None:
    for path in (sql_folder() / "queries").glob("*.sql"):
        assert len(query(path.stem)) <= PSYCOPG_REMEMBERS, path.name
