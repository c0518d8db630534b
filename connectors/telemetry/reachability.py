"""Whether the database and the object store still answer a worker that has nothing to do."""

from __future__ import annotations

import threading
from contextlib import closing

from minio import Minio
from minio.error import MinioException
from urllib3.exceptions import HTTPError

from connectors.postgres.connection import Database
from connectors.store import explain, minio_client
from connectors.store.answers import RedirectedError, RefusedError
from dataflow.jobs.errors import SystemicError
from dataflow.process.asking import WITHIN_S, keep_asking
from dataflow.process.health import Health
from dataflow.settings import DatabaseSettings, Settings, StoreSettings

_NOT_THERE = "soloface-asks-whether-you-are-there"
_SHUT_OUT = frozenset(
    {
        "NoSuchBucket",
        "InvalidAccessKeyId",
        "SignatureDoesNotMatch",
        "InvalidToken",
        "ExpiredToken",
        "AccountProblem",
        "RequestTimeTooSkewed",
    }
)
_SERVER_ERROR = 500


def look_after(settings: Settings, health: Health, stop: threading.Event) -> None:
    """Ask both now and then, on threads that end with the stop."""
    for watch, part in ((_watch_database, settings.database), (_watch_store, settings.store)):
        threading.Thread(
            target=watch, args=(part, health, stop), name=watch.__name__, daemon=True
        ).start()


def _watch_database(settings: DatabaseSettings, health: Health, stop: threading.Event) -> None:
    limits = {
        "connect_timeout_s": min(int(WITHIN_S), settings.connect_timeout_s),
        "statement_timeout_s": min(WITHIN_S, settings.statement_timeout_s),
    }
    with closing(Database(settings.model_copy(update=limits), stop)) as database:
        keep_asking("PostgreSQL", lambda: ask_database(database), health, stop)


def _watch_store(settings: StoreSettings, health: Health, stop: threading.Event) -> None:
    limits = {
        "connect_timeout_s": min(WITHIN_S, settings.connect_timeout_s),
        "read_timeout_s": min(WITHIN_S, settings.read_timeout_s),
    }
    client = minio_client(settings.model_copy(update=limits), connections=1)
    keep_asking("object store", lambda: ask_store(client, settings), health, stop)


def ask_database(database: Database) -> None:
    """Ask whether it answers, and takes what is written.

    Raises:
        TransientError, SystemicError: it does not.
    """
    with database.connection() as connection:
        row = connection.execute("select current_setting('transaction_read_only')").fetchone()
    if row == ("on",):
        raise SystemicError("the database is read-only")


def ask_store(client: Minio, settings: StoreSettings) -> None:
    """Ask for an object that is not there, as every login may that reads objects.

    Whatever is said of that object is an answer, a refusal too, unless it would be said of any
    other: that the bucket, the login or the server is no good.

    Raises:
        TransientError, SystemicError: no object can be read.
    """
    key = (settings.prefixes[0] if settings.prefixes else "") + _NOT_THERE
    try:
        response = client.get_object(settings.bucket, key)
    except RefusedError as refusal:
        misled = isinstance(refusal, RedirectedError)
        if misled or refusal.code in _SHUT_OUT or refusal.status >= _SERVER_ERROR:
            raise explain(refusal, settings.bucket) from refusal
    except (MinioException, HTTPError, OSError, ValueError) as error:
        raise explain(error, settings.bucket) from error
    else:
        response.close()
        response.release_conn()
