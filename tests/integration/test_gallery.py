"""`soloface gallery`: the sink searches by the index once that has proved what it finds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from uuid import UUID, uuid4

import numpy as np
import psycopg
import pytest
from pgvector.psycopg import register_vector
from pydantic import SecretStr

from connectors.postgres import gallery_index, search
from connectors.postgres.connection import Database
from connectors.postgres.migrate import migrate
from dataflow import gallery_search
from dataflow.cli.gallery import examine
from dataflow.made_up import Vectors, disturbed, unit
from dataflow.settings import PREFIX, DatabaseSettings
from tests.fixtures.worker import Soloface

MODEL = "fake-0123456789ab"
USERS = 600
GROUPS = 20
INDEX = "users_face_search"


class Crowd:
    """A database with many enrolled users, and faces of some of them."""

    def __init__(self, dsn: str, dimension: int) -> None:
        self.settings = DatabaseSettings(dsn=SecretStr(dsn))
        migrate(self.settings, dimension)
        rng = np.random.default_rng(7)
        # In groups, so that an index has something to go by.
        groups = rng.standard_normal((GROUPS, dimension), dtype=np.float32)
        own = rng.standard_normal((USERS, dimension), dtype=np.float32)
        self.vectors: Vectors = unit(groups[np.arange(USERS) % GROUPS] + np.float32(0.5) * own)
        self.ids = [uuid4() for _ in range(USERS)]
        self.faces = list(disturbed(self.vectors[:8], rng, (0.95, 0.99)))
        with psycopg.connect(dsn, autocommit=True) as connection:
            register_vector(connection)
            with (
                connection.cursor() as cursor,
                cursor.copy(
                    "copy users (id, face_embedding, face_embedding_model) from stdin "
                    "(format binary)"
                ) as copy,
            ):
                copy.set_types(["uuid", "vector", "text"])
                for user_id, vector in zip(self.ids, self.vectors, strict=True):
                    copy.write_row((user_id, vector, MODEL))
            connection.execute("analyze users")

    def found(self, connection: search.Connection) -> list[UUID]:
        """Whom the sink takes its faces for."""
        answers = search.nearest_users(connection, self.faces, MODEL)
        return [nearest[0].user_id for nearest in answers]

    def explained(self, connection: search.Connection) -> str:
        """How PostgreSQL runs the statement that the sink runs."""
        plan = search.current_plan(connection, MODEL, self.faces[0].size)
        text, parameters = search.statement(self.faces, MODEL, 2, plan)
        rows = connection.execute(b"explain " + text.encode(), parameters)  # as the sink sends it
        return "\n".join(row[0] for row in rows)


@pytest.fixture
def crowd(database_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Crowd:
    """Few enough users to be quick, and a budget that makes them too many for an exact search."""
    monkeypatch.setattr(gallery_search, "EXACT_BUDGET_MS", 0)
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv(f"{PREFIX}DATABASE__DSN", database_dsn)
    return Crowd(database_dsn, 64)


@pytest.fixture
def connection(crowd: Crowd) -> Iterator[search.Connection]:
    """As the sink has one."""
    with closing(Database(crowd.settings)) as database, database.connection() as connection:
        yield connection


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan is made anew for every batch."""
    monkeypatch.setattr(search, "REVISIT_S", 0)


@pytest.mark.usefixtures("impatient")
def test_a_connection_takes_to_the_index_while_it_works(
    crowd: Crowd, connection: search.Connection, soloface: Soloface
) -> None:
    assert crowd.found(connection) == crowd.ids[:8]
    assert INDEX not in crowd.explained(connection)

    done = soloface("gallery", "index", "--json")

    assert done.code == 0
    assert done.json["strategy"] == "index"
    assert done.json["tries"][-1]["recall"] >= 0.99
    assert crowd.found(connection) == crowd.ids[:8]
    assert f"Index Scan using {INDEX}" in crowd.explained(connection)
    assert "Seq Scan" not in crowd.explained(connection)


def test_between_two_looks_at_the_gallery_a_connection_keeps_to_its_plan(
    crowd: Crowd, connection: search.Connection, soloface: Soloface
) -> None:
    crowd.found(connection)
    soloface("gallery", "index")

    assert INDEX not in crowd.explained(connection)


@pytest.mark.usefixtures("impatient")
def test_the_distances_by_the_index_are_the_exact_ones(
    crowd: Crowd, connection: search.Connection, soloface: Soloface
) -> None:
    exact = search.nearest_users(connection, crowd.faces, MODEL)
    soloface("gallery", "index")

    by_index = search.nearest_users(connection, crowd.faces, MODEL)

    assert [near[0] for near in by_index] == [near[0] for near in exact]
    assert all(len(near) == 2 for near in by_index)


@pytest.mark.usefixtures("impatient")
def test_users_of_another_contract_are_not_found_by_the_index_either(
    crowd: Crowd, connection: search.Connection, soloface: Soloface
) -> None:
    soloface("gallery", "index")
    connection.execute(
        "update users set face_embedding_model = 'other' where id = any(%s)", [crowd.ids[:8]]
    )

    assert not set(crowd.found(connection)) & set(crowd.ids[:8])


@pytest.mark.usefixtures("crowd")
def test_status_says_what_is_searched_how_and_what_to_run(soloface: Soloface) -> None:
    before = soloface("gallery", "status", "--json")
    soloface("gallery", "index")
    after = soloface("gallery", "status", "--json")
    for_people = soloface("gallery", "status")

    assert before.code == 1
    assert (before.json["strategy"], before.json["index"]) == ("exact", None)
    assert before.json["measured"]["recall"] == 1
    assert before.json["advice"].endswith("run: soloface gallery index")
    assert after.code == 0
    assert after.json["contracts"] == {MODEL: USERS}
    assert after.json["strategy"] == "index"
    assert after.json["index"]["proof"]["users"] == USERS
    assert after.json["measured"]["faces"] == 400
    assert after.json["advice"] is None
    assert "nothing to do" in for_people.out
    assert f"{USERS} users of {MODEL}" in for_people.out


@pytest.mark.usefixtures("impatient")
def test_an_index_that_misses_too_many_is_not_used_and_status_says_so(
    crowd: Crowd,
    connection: search.Connection,
    soloface: Soloface,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    soloface("gallery", "index")
    monkeypatch.setattr(gallery_index, "SHARES", (0.01,))

    measured_again = soloface("gallery", "index")

    assert measured_again.code == 1
    assert "keeps to the exact search" in measured_again.err
    assert crowd.found(connection) == crowd.ids[:8]
    assert INDEX not in crowd.explained(connection)
    assert "--rebuild" in soloface("gallery", "status").out


@pytest.mark.usefixtures("crowd", "impatient")
def test_what_the_search_misses_is_noticed(
    connection: search.Connection, soloface: Soloface
) -> None:
    soloface("gallery", "index")
    flattering = gallery_search.Proof(model=MODEL, users=USERS, breadth=1, recall=1, faces=400)
    connection.execute(f"comment on index {INDEX} is '{flattering.model_dump_json()}'".encode())

    found = examine(connection, 200)

    assert found.measured.falls_short
    assert found.advice
    assert found.advice.endswith("run: soloface gallery index")


def test_an_interrupted_build_leaves_nothing_behind(
    crowd: Crowd, connection: search.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery_index, "_POLL_S", 0.01)

    with psycopg.connect(crowd.settings.dsn.get_secret_value()) as writer:

        def interrupt(_phase: str, _share: float) -> None:
            writer.rollback()
            raise KeyboardInterrupt

        writer.execute("delete from users where false")  # a build waits for whoever is writing
        with pytest.raises(KeyboardInterrupt):
            gallery_index.build(crowd.settings, 20, crowd.faces[0].size, interrupt)

    indexes = connection.execute("select indexrelid::regclass::text from pg_index").fetchall()
    assert not [name for (name,) in indexes if name.startswith(INDEX)]


@pytest.mark.usefixtures("crowd")
def test_an_index_is_built_anew_beside_the_old_one(
    connection: search.Connection, soloface: Soloface
) -> None:
    soloface("gallery", "index")
    before = connection.execute("select to_regclass(%s)::oid", [INDEX]).fetchone()
    # What a build that was killed leaves behind.
    connection.execute(f"create index {INDEX}_new on users (id)".encode())

    done = soloface("gallery", "index", "--rebuild")

    assert done.code == 0
    after = connection.execute("select to_regclass(%s)::oid", [INDEX]).fetchone()
    assert after != before
    assert connection.execute("select to_regclass(%s)", [f"{INDEX}_new"]).fetchone() == (None,)


@pytest.mark.usefixtures("crowd")
def test_few_users_need_no_index(soloface: Soloface, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery_search, "EXACT_BUDGET_MS", 13)

    done = soloface("gallery", "index")

    assert done.code == 1
    assert f"{USERS} users are searched exactly" in done.err


@pytest.mark.usefixtures("crowd", "impatient")
def test_an_index_of_another_models_vectors_is_not_used_until_it_is_built_anew(
    connection: search.Connection, soloface: Soloface
) -> None:
    soloface("gallery", "index")
    # What `reembed` does, where both models' vectors have one length.
    connection.execute("update users set face_embedding_model = 'another'")
    before = connection.execute("select to_regclass(%s)::oid", [INDEX]).fetchone()

    status = soloface("gallery", "status", "--json").json
    done = soloface("gallery", "index", "--json")

    assert status["strategy"] == "exact"
    assert f"vectors of {MODEL}" in status["advice"]
    assert done.json["strategy"] == "index"
    assert connection.execute("select to_regclass(%s)::oid", [INDEX]).fetchone() != before
