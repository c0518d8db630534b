"""A migration that has to wait lets others pass, says for whom it waits, and goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import psycopg
import pytest
from pydantic import SecretStr

from connectors.postgres.session import Connection
from connectors.postgres.setup.migrate import _LOCK, migrate, migrations
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import DatabaseSettings

DIMENSION = 4
NAMES = [path.name for path in migrations()]
COLUMNS = "select count(*) from information_schema.columns where table_name = 'users'"


@dataclass
class Told:
    """What a migration says while it waits."""

    lines: list[str] = field(default_factory=list)
    waits: threading.Event = field(default_factory=threading.Event)

    def __call__(self, line: str) -> None:
        self.lines.append(line)
        self.waits.set()


@pytest.fixture
def settings(database_dsn: str) -> DatabaseSettings:
    with psycopg.connect(database_dsn, autocommit=True) as connection:
        connection.execute("create table users (id uuid primary key)")
        connection.execute("create table photos (id uuid primary key)")
    return DatabaseSettings(dsn=SecretStr(database_dsn))


@pytest.fixture
def holder(database_dsn: str) -> Iterator[Connection]:
    with psycopg.connect(database_dsn, application_name="nightly export") as connection:
        yield connection


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def started(pool: ThreadPoolExecutor, settings: DatabaseSettings, told: Told) -> Future[list[str]]:
    """A migration that waits, and has said so."""
    future = pool.submit(migrate, settings, DIMENSION, told, wait_s=100)
    assert told.waits.wait(50)
    return future


def test_while_it_waits_for_a_long_reader_others_read_on(
    settings: DatabaseSettings, holder: Connection, background: ThreadPoolExecutor
) -> None:
    holder.execute("select count(*) from users where 'secret' = 'secret'")
    told = Told()
    future = started(background, settings, told)

    with psycopg.connect(settings.dsn.get_secret_value(), autocommit=True) as reader:
        # As long as the reader above reads, nobody who stands behind the migration would get on.
        reader.execute("set statement_timeout = '50s'")
        for _ in range(5):
            assert reader.execute("select count(*) from users").fetchone() == (0,)
        assert not future.done()
        assert reader.execute(COLUMNS).fetchone() == (1,)
    holder.rollback()

    assert future.result(50) == NAMES
    (line,) = told.lines
    for word in (
        f"pid {holder.info.backend_pid}",
        "application nightly export",
        "transaction since",
    ):
        assert word in line
    assert "secret" not in line
    assert "\n" not in line


def test_each_one_who_is_in_the_way_is_named_and_nobody_else(
    settings: DatabaseSettings, holder: Connection, background: ThreadPoolExecutor
) -> None:
    told = Told()
    dsn = settings.dsn.get_secret_value()
    with psycopg.connect(dsn) as reader, psycopg.connect(dsn) as writer:
        pids = [session.info.backend_pid for session in (holder, writer)]
        reader.execute("select count(*) from photos")  # a key may refer to what others read
        holder.execute("select count(*) from users")
        writer.execute("lock table photos in row exclusive mode")
        future = started(background, settings, told)
        told.waits.clear()
        holder.rollback()
        assert told.waits.wait(50)
        writer.rollback()

        assert future.result(50) == NAMES
    assert [f"pid {pid} (" in line for pid, line in zip(pids, told.lines, strict=True)] == [
        True
    ] * 2


def test_when_the_time_is_over_it_gives_up_and_has_changed_nothing(
    settings: DatabaseSettings, holder: Connection
) -> None:
    holder.execute("lock table photos in row exclusive mode")
    told = Told()

    with pytest.raises(ConfigurationError, match="nothing was changed: for 0 s") as failure:
        migrate(settings, DIMENSION, told, wait_s=0)

    assert f"pid {holder.info.backend_pid}" in str(failure.value)
    assert "--wait" in str(failure.value)
    assert "\n" not in str(failure.value)
    assert holder.execute(COLUMNS).fetchone() == (1,)
    holder.rollback()
    assert migrate(settings, DIMENSION, told, wait_s=0) == NAMES


def test_another_migration_is_waited_for_and_named(
    settings: DatabaseSettings, background: ThreadPoolExecutor
) -> None:
    told = Told()
    with psycopg.connect(settings.dsn.get_secret_value(), application_name="soloface") as other:
        other.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
        future = started(background, settings, told)
        assert f"pid {other.info.backend_pid}" in told.lines[0]
        assert "application soloface" in told.lines[0]

    assert future.result(50) == NAMES


def test_a_login_that_may_not_see_others_is_told_the_pid_all_the_same(
    settings: DatabaseSettings, holder: Connection
) -> None:
    holder.execute("create role onlooker login password 'pw'")
    try:
        holder.execute("create extension vector; grant create on schema public to onlooker")
        holder.execute("alter table users owner to onlooker; alter table photos owner to onlooker")
        holder.commit()
        holder.execute("select count(*) from users")
        host = settings.dsn.get_secret_value().rpartition("@")[2]
        login = DatabaseSettings(dsn=SecretStr(f"postgresql://onlooker:pw@{host}"))

        with pytest.raises(ConfigurationError, match=f"pid {holder.info.backend_pid}"):
            migrate(login, DIMENSION, Told(), wait_s=0)
    finally:
        holder.rollback()
        holder.execute("drop owned by onlooker cascade; drop role onlooker")
        holder.commit()


def test_nothing_is_locked_where_nothing_is_missing(
    settings: DatabaseSettings, holder: Connection
) -> None:
    migrate(settings, DIMENSION)
    holder.execute("lock table users, photos, photo_faces in access share mode")

    assert migrate(settings, DIMENSION, wait_s=0) == []
