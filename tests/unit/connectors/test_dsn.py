"""The DSN, and what its errors say: nothing of it reaches a message but what is no secret."""

from __future__ import annotations

from contextlib import suppress

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from connectors.postgres.connection import connect
from connectors.postgres.dsn import readable, settings_of
from connectors.postgres.errors import explain
from dataflow.jobs.errors import ConfigurationError, SystemicError
from dataflow.settings import DatabaseSettings

WORDS = st.sampled_from(
    ["postgresql://", "host=", "port=", "user", ":", "@", "/", "?", "=", ",", "%", "99999", "\0"]
)
DSNS = st.lists(WORDS | st.text(max_size=8), max_size=12).map("".join)


@given(DSNS)
def test_any_text_is_a_dsn_or_refused(text: str) -> None:
    with suppress(ConfigurationError):
        readable(text)


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://u:s3cret@127.0.0.1:99999/x",
        "postgresql://u:s3cret@127.0.0.1:1/x",
        f"postgresql://u:s3cret@{'a' * 70}.com:1/x",
        "postgresql://u:s3cret@..:1/x",
        "postgresql://u:s3cret@127.0.0.1:1,127.0.0.1:1/x",
        "postgresql:///x?host=/nowhere&password=s3cret",
        "service=nothing password=s3cret",
    ],
)
def test_where_nobody_answers_the_line_names_the_variable(dsn: str) -> None:
    with pytest.raises(psycopg.OperationalError) as failure:
        connect(DatabaseSettings(dsn=SecretStr(dsn), connect_timeout_s=1))

    error = explain(failure.value)
    assert isinstance(error, SystemicError)
    assert "SOLOFACE_DATABASE__DSN" in str(error)
    assert "s3cret" not in str(error)
    assert "\n" not in str(error)


def test_several_hosts_need_no_port() -> None:
    assert readable("postgresql://u:p@a,b:5433/x")["host"] == "a,b"


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ("", {}),
        ("-c search_path=app,public", {"search_path": "app,public"}),
        ("-csearch_path=app --a-b=5s", {"search_path": "app", "a_b": "5s"}),
        ("-c search_path=app,\\ public", {"search_path": "app, public"}),
        ("-c  a.b=  -c c=1", {"a.b": "", "c": "1"}),
    ],
)  # fmt: skip
def test_settings_of_the_dsn_are_read_as_the_server_would(
    options: str, settings: dict[str, str]
) -> None:
    assert settings_of(options) == settings


@pytest.mark.parametrize("options", ["-d 5", "-c search_path", "search_path=app", "-c a=1 -B 3"])
def test_options_that_are_no_settings_are_refused(options: str) -> None:
    with pytest.raises(ConfigurationError, match="-c name=value"):
        settings_of(options)


@pytest.mark.parametrize("said", ["options", "statement_timeout"])
def test_a_pooler_that_refuses_our_settings_leads_to_its_own(said: str) -> None:
    where = 'connection failed: connection to server at "h" failed: FATAL:  '
    refused = psycopg.OperationalError(f"{where}unsupported startup parameter in options: {said}")

    assert str(explain(refused)).endswith("set SOLOFACE_DATABASE__POOLER=transaction")


@pytest.mark.parametrize(
    "kind", [psycopg.errors.InvalidSqlStatementName, psycopg.errors.DuplicatePreparedStatement]
)
def test_a_prepared_statement_that_got_lost_leads_to_the_pooler(kind: type[psycopg.Error]) -> None:
    error = explain(kind('prepared statement "_pg3_0" does not exist'))

    assert isinstance(error, SystemicError)
    assert "SOLOFACE_DATABASE__POOLER=transaction" in str(error)
