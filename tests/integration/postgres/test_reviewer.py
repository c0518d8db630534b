"""The role `soloface_reviewer`: who says whom a photo shows may do that and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from connectors.postgres.connection import Database
from connectors.postgres.photos.limits import Limits
from connectors.postgres.tags.deciding import Rules
from connectors.postgres.tags.decisions import Decision, Decisions, Word
from dataflow.jobs.reason import Reason
from dataflow.settings import DatabaseSettings
from dataflow.steps.matching import MatchPolicy
from tests.builders import photo, user
from tests.fixtures.logins import login_with, refused
from tests.fixtures.recording import MODEL, THRESHOLD, Records, face


@pytest.fixture
def reviewer(records: Records) -> Iterator[DatabaseSettings]:
    with login_with("soloface_reviewer", records.settings) as settings:
        yield settings


def test_a_reviewer_can_reject_and_confirm(records: Records, reviewer: DatabaseSettings) -> None:
    records.add_photos(1, 2)
    for number, degrees in ((1, 10), (2, 30), (3, 80)):
        records.add_user(number, degrees)
    records.recorder().record([face(1)])
    decisions = Decisions(Database(reviewer), Rules(MatchPolicy(THRESHOLD), MODEL))
    said = [
        (1, 1, Word.REJECTED, user(2)),
        (1, 3, Word.CONFIRMED, user(3)),
        (1, 3, Word.REJECTED, user(2)),
        (1, 1, Word.CONFIRMED, user(1)),
        (2, 1, Word.REJECTED, None),
    ]

    try:
        answers = [
            decisions.take(Decision(photo(photo_number), user(user_number), word)).now
            for photo_number, user_number, word, _ in said
        ]
    finally:
        decisions.database.close()

    assert answers == [expected for *_, expected in said]
    assert records.matches() == {photo(1): user(1)}
    assert records.reasons() == {photo(1): Reason.MATCHED}
    (row,) = records.run("select distinct database_role from face_match_decisions")
    assert row["database_role"].startswith("login_")


def test_a_reviewer_can_say_every_word_and_read_what_it_came_to(
    records: Records, reviewer: DatabaseSettings
) -> None:
    records.add_photos(1, 2)
    records.add_user(1, 10)
    records.run("insert into users (id) values (%s)", user(9))
    records.recorder().record([face(1)])
    said = [
        (user(9), Word.CONFIRMED, user(9)),
        (user(9), Word.FORGOTTEN, user(1)),
        (None, Word.NOBODY, None),
        (None, Word.FORGOTTEN, user(1)),
    ]
    with closing(Database(reviewer)) as database:
        decisions = Decisions(database, Rules(MatchPolicy(THRESHOLD), MODEL))
        for user_id, word, expected in said:
            assert decisions.take(Decision(photo(1), user_id, word)).now == expected
        assert decisions.take(Decision(photo(2), None, Word.NOBODY)).reason is None
        assert decisions.unknown([photo(1), photo(3)], [user(9), user(8)]) == {photo(3), user(8)}
        with database.connection() as connection:
            for table in (
                "face_match_outcomes",
                "face_matches",
                "face_match_decisions",
                "photo_faces",
                "face_withdrawals",
                "face_withdrawn_photos",
            ):
                connection.execute(f"table {table}".encode())
            row = connection.execute("select reason, user_id from face_match_outcomes").fetchone()
    assert row == ("matched", user(1))


def test_a_reviewer_reads_the_limits_that_the_workers_have_noted(
    records: Records, reviewer: DatabaseSettings
) -> None:
    with closing(Database(records.settings)) as workers, closing(Database(reviewer)) as own:
        assert Limits(own).noted() is None
        for model, max_distance in (("old", 0.9), (MODEL, 0.4)):
            Limits(workers).note(model, MatchPolicy(THRESHOLD, max_distance, 0.05))

        noted = Limits(own).noted()

    assert noted
    assert (noted.model, noted.policy) == (MODEL, MatchPolicy(THRESHOLD, 0.4, 0.05))
    refused(reviewer, "delete from face_match_limits")
    refused(reviewer, "update face_match_limits set max_distance = 2")


def test_a_reviewer_is_refused_everything_else(reviewer: DatabaseSettings) -> None:
    for statement in (
        "delete from users",
        "delete from photos",
        "delete from photo_faces",
        "delete from face_match_outcomes",
        "delete from face_withdrawals",
        "insert into face_withdrawals (user_id) values (gen_random_uuid())",
        "table face_outbox",
        "insert into face_match_outcomes (photo_id) values (gen_random_uuid())",
        "insert into photo_faces (photo_id) values (gen_random_uuid())",
        "update users set face_embedding = null",
        "update photo_faces set embedding = null",
        "update photo_faces set image_ref = null",
        "table face_enrolments",
        "table face_enrolment_photos",
        "table user_embeddings",
        "table photo_face_embeddings",
        "table soloface_migrations",
        "select created_at from users",
        "create table mine (id int)",
    ):
        refused(reviewer, statement)
