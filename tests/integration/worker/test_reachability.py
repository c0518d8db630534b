"""Each dependency is asked whether it is there, in a way in which only its absence is one."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler

import pytest
from minio import Minio
from psycopg import sql
from pydantic import SecretStr

from connectors.embedded import NatsServer, ObjectServer
from connectors.jetstream.client import SharedJetStream
from connectors.postgres.connection import Database
from connectors.store import minio_client
from connectors.telemetry.reachability import ask_database, ask_store
from dataflow.jobs.errors import SystemicError, TransientError
from dataflow.process.health import Health
from dataflow.settings import NatsSettings, StoreSettings
from tests.answering import served
from tests.fixtures.recording import Records
from tests.world import eventually


def ask(settings: StoreSettings) -> None:
    client = minio_client(settings, connections=1)
    try:
        ask_store(client, settings)
    finally:
        client._http.clear()


@pytest.fixture
def store(object_server: ObjectServer, bucket: str) -> StoreSettings:
    return StoreSettings(
        endpoint=object_server.endpoint,
        access_key=object_server.access_key,
        secret_key=SecretStr(object_server.secret_key),
        bucket=bucket,
    )


def test_a_store_that_answers_is_there(store: StoreSettings, object_client: Minio) -> None:
    ask(store)
    ask(store.model_copy(update={"prefixes": ("photos/",)}))

    assert not list(object_client.list_objects(store.bucket, recursive=True))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bucket": "not-there"}, "not-there does not exist"),
        ({"access_key": "wrong"}, "InvalidAccessKeyId"),
        ({"secret_key": SecretStr("wrong")}, "SignatureDoesNotMatch"),
        ({"endpoint": "127.0.0.1:1"}, "does not answer"),
    ],
)
def test_a_store_that_would_give_no_object_is_not_there(
    store: StoreSettings, changes: dict[str, object], words: str
) -> None:
    with pytest.raises(SystemicError, match=words):
        ask(store.model_copy(update=changes))


def answering(status: int, code: str) -> Iterator[str]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        body = f"<Error><Code>{code}</Code></Error>".encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/xml")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    with served(answer) as endpoint:
        yield endpoint


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "AccessDenied"), (404, "NoSuchKey"), (400, "InvalidArgument"), (418, "NewInThisStore")],
)
def test_whatever_is_said_of_one_object_is_an_answer(
    store: StoreSettings, status: int, code: str
) -> None:
    for endpoint in answering(status, code):
        ask(store.model_copy(update={"endpoint": endpoint}))


@pytest.mark.parametrize(("status", "code"), [(500, "InternalError"), (503, "SlowDown")])
def test_a_server_that_fails_is_asked_once_again(
    store: StoreSettings, status: int, code: str
) -> None:
    for endpoint in answering(status, code):
        with pytest.raises(TransientError):
            ask(store.model_copy(update={"endpoint": endpoint}))


def test_a_database_that_takes_no_rows_is_not_there(records: Records) -> None:
    with closing(Database(records.settings)) as database:
        ask_database(database)
        name = sql.Identifier(records._connection.info.dbname)
        read_only = sql.SQL("alter database {} set default_transaction_read_only = on")
        records._connection.execute(read_only.format(name))
        database.close()

        with pytest.raises(SystemicError, match="read-only"):
            ask_database(database)


def test_a_server_of_nats_that_says_nothing_is_missed_and_heard_again() -> None:
    health = Health()
    with NatsServer() as server:
        settings = NatsSettings(
            url=server.url, user=server.user, password=SecretStr(server.password)
        )
        shared = SharedJetStream(settings, health)
        client = shared.acquire()
        assert server.process_id
        os.kill(server.process_id, signal.SIGSTOP)
        try:
            eventually(lambda: bool(health.causes()), "its silence is noticed")
            assert [(cause.name, cause.error) for cause in health.causes()] == [
                ("NATS", "the server does not answer")
            ]
        finally:
            os.kill(server.process_id, signal.SIGCONT)
        eventually(lambda: not health.causes(), "it is heard again")
        assert client.start(client.connection.answers(60)).result(60)
        assert client.connection.is_connected
        shared.release()
