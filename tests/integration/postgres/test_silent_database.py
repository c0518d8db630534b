"""PostgreSQL keeps its connections open and says nothing, as a network that swallows it does."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from benchmarks.forwarder import DEAF, FORWARD, Forwarder
from connectors.embedded import PostgresServer
from connectors.postgres.connection import Database
from connectors.postgres.setup.migrate import migrate
from dataflow.jobs.errors import SystemicError
from dataflow.settings import DatabaseSettings
from tests.builders import DIMENSION


@pytest.fixture
def proxy(postgres_server: PostgresServer) -> Iterator[Forwarder]:
    with Forwarder(postgres_server.port) as proxy:
        yield proxy


@pytest.fixture
def settings(
    database_dsn: str, postgres_server: PostgresServer, proxy: Forwarder
) -> DatabaseSettings:
    migrate(DatabaseSettings(dsn=SecretStr(database_dsn)), DIMENSION)
    dsn = database_dsn.replace(f":{postgres_server.port}/", f":{proxy.port}/")
    return DatabaseSettings(dsn=SecretStr(dsn), statement_timeout_s=0.5, connect_timeout_s=2)


def ask(database: Database) -> None:
    with database.connection() as connection, connection.pipeline(), connection.transaction():
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_silent_server_is_given_up_and_asked_again_over_a_new_connection(
    settings: DatabaseSettings, proxy: Forwarder
) -> None:
    database = Database(settings, threading.Event())
    ask(database)
    proxy.behave(DEAF)

    with pytest.raises(SystemicError, match="the server has fallen silent"):
        ask(database)
    proxy.forget_connections()
    proxy.behave(FORWARD)

    ask(database)
    database.close()


def test_a_stop_ends_the_wait_for_a_silent_server(
    settings: DatabaseSettings, proxy: Forwarder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.postgres.session.LAST_WORDS_S", 0.5)
    stop = threading.Event()
    database = Database(settings.model_copy(update={"statement_timeout_s": 3600}), stop)
    ask(database)
    proxy.behave(DEAF)
    threading.Timer(0.2, stop.set).start()

    with pytest.raises(SystemicError, match="the server has fallen silent"):
        ask(database)

    assert stop.is_set()
    database.close()


def test_a_slow_statement_is_not_taken_for_silence(settings: DatabaseSettings) -> None:
    database = Database(settings.model_copy(update={"statement_timeout_s": 30}), threading.Event())
    with database.connection() as connection:
        assert connection.execute("select 1 from pg_sleep(0.8)").fetchone() == (1,)
    database.close()
