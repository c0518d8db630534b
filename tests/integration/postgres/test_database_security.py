"""PostgreSQL: what its DSN asks for holds, and its password is in no message."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr

from connectors.embedded import PostgresServer
from connectors.postgres.connection import Database, connect, explain
from connectors.postgres.setup.migrate import migrate
from dataflow.jobs.errors import ConfigurationError, SystemicError
from dataflow.settings import DatabaseSettings
from tests.fixtures.certificates import Certificates, tls_in_front_of


def with_port(dsn: str, port: int, query: str) -> DatabaseSettings:
    head, _, path = dsn.rpartition("/")
    return DatabaseSettings(dsn=SecretStr(f"{head.rpartition(':')[0]}:{port}/{path}?{query}"))


def refusal(settings: DatabaseSettings) -> str:
    """The one line with which the database cannot be used."""
    with pytest.raises(SystemicError) as failure, Database(settings).connection():
        pass
    message = str(failure.value)
    assert "\n" not in message
    return message


def test_a_private_authority_is_trusted_when_the_dsn_names_it(
    postgres_server: PostgresServer, database_dsn: str, certificates: Certificates
) -> None:
    context = certificates.server_context()
    with tls_in_front_of(postgres_server.port, context, postgres=True) as port:
        query = f"sslmode=verify-full&sslrootcert={certificates.ca}"
        with closing(connect(with_port(database_dsn, port, query))) as connection:
            assert connection.pgconn.ssl_in_use
            assert connection.execute("select 1").fetchone() == (1,)


@pytest.mark.parametrize(
    ("shown", "trusted", "words"),
    [("server", "other", "certificate verify failed"), ("elsewhere", "ca", "does not match host")],
)
def test_a_server_that_does_not_prove_itself_is_refused(  # noqa: PLR0913, PLR0917 - fixtures
    postgres_server: PostgresServer,
    database_dsn: str,
    certificates: Certificates,
    shown: str,
    trusted: str,
    words: str,
) -> None:
    context = certificates.server_context(shown)
    with tls_in_front_of(postgres_server.port, context, postgres=True) as port:
        query = f"sslmode=verify-full&sslrootcert={certificates.certificate(trusted)}"
        message = refusal(with_port(database_dsn, port, query))

    assert words in message
    assert postgres_server.password not in message


@pytest.mark.parametrize("mode", ["require", "verify-full"])
def test_nothing_is_said_in_the_clear_where_tls_is_asked_for(
    postgres_server: PostgresServer, database_dsn: str, certificates: Certificates, mode: str
) -> None:
    query = f"sslmode={mode}&sslrootcert={certificates.ca}"

    message = refusal(with_port(database_dsn, postgres_server.port, query))

    assert "does not support SSL" in message


def test_a_file_of_authorities_that_is_not_there_is_said_to_be_missing(
    postgres_server: PostgresServer, database_dsn: str, certificates: Certificates, tmp_path: Path
) -> None:
    context = certificates.server_context()
    with tls_in_front_of(postgres_server.port, context, postgres=True) as port:
        query = f"sslmode=verify-ca&sslrootcert={tmp_path / 'nothing'}"
        assert "nothing" in refusal(with_port(database_dsn, port, query))


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://me:s3cret%ZZ@db/soloface",
        "postgresql://me:s3/cret@db/soloface",
        "postgresql://me:12/s3cret@db/soloface",
        "postgresql://me:x@s3cret@db/soloface",
        "postgresql://me:x s3cret@db/soloface",
        "postgresql:/me:s3cret@db/soloface",
        "host=db password=x s3cret",
        "s3cret",
        "postgresql://me:s3cret@db/soloface?s3cret=1",
    ],
)
def test_a_password_that_breaks_the_dsn_is_not_in_the_explanation(dsn: str) -> None:
    settings = DatabaseSettings(dsn=SecretStr(dsn))
    for attempt in (
        lambda: connect(settings),
        lambda: migrate(settings, 4),
        lambda: Database(settings).connection().__enter__(),
    ):
        with pytest.raises(ConfigurationError, match="SOLOFACE_DATABASE__DSN") as failure:
            attempt()
        assert "s3cret" not in str(failure.value)
        assert failure.value.__cause__ is None


@pytest.mark.parametrize(
    "change",
    [
        "postgresql://soloface:s3cret@{host}/soloface",
        "postgresql://nobody:s3cret@{host}/soloface",
        "postgresql://soloface:s3cret@127.0.0.1:1/soloface",
        "postgresql://soloface:s3cret@nowhere.invalid/soloface",
        "postgresql://soloface:s3cret@{host}/soloface?sslmode=nonsense",
        "host=127.0.0.1 port=1 user=soloface password=s3cret",
    ],
)
def test_a_refused_connection_is_explained_without_the_password(
    postgres_server: PostgresServer, change: str
) -> None:
    settings = DatabaseSettings(
        dsn=SecretStr(change.format(host=f"127.0.0.1:{postgres_server.port}"))
    )
    with pytest.raises(psycopg.OperationalError) as failure:
        connect(settings)

    explained = explain(failure.value)
    assert isinstance(explained, SystemicError)
    assert "s3cret" not in str(explained) + str(failure.value)
    assert "\n" not in str(explained)


def test_an_explanation_of_a_refused_row_leaves_the_rows_values_out(database_dsn: str) -> None:
    with psycopg.connect(database_dsn, autocommit=True) as connection:
        connection.execute("create table t (v float8[] check (cardinality(v) = 0))")
        with pytest.raises(psycopg.errors.CheckViolation) as failure:
            connection.execute("insert into t values ('{0.7072135623}')")

    assert "0.7072135623" in str(failure.value)  # it would be there
    assert "0.7072135623" not in str(explain(failure.value))


def test_options_of_the_dsn_are_kept_beside_our_own(database_dsn: str) -> None:
    dsn = SecretStr(f"{database_dsn}?options=-c%20search_path%3Dpg_catalog")
    with closing(connect(DatabaseSettings(dsn=dsn, statement_timeout_s=7))) as connection:
        row = connection.execute(
            "select current_setting('search_path'), current_setting('statement_timeout')"
        ).fetchone()
    assert row == ("pg_catalog", "7s")
