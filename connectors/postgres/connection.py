"""PostgreSQL connections: one per thread, with the limits that we set, direct or by a pooler."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
from pgvector.psycopg import register_vector

from connectors.postgres.dsn import readable, settings_of
from connectors.postgres.errors import explain
from connectors.postgres.session import Connection, PooledSession, Session
from connectors.postgres.setup.vectors import require_vectors
from dataflow.jobs.errors import ConfigurationError, SystemicError
from dataflow.settings import DatabaseSettings

__all__ = ["LOCK_TIMEOUT_S", "Database", "connect", "explain"]

LOCK_TIMEOUT_S = 3
"""How long a batch waits for somebody's row lock, and so how long that can hold up a drain."""

SILENCE_S = 10
"""After so long without a word in the middle of a transaction, the server looks whether we live.

A host that is cut off from the network there would else keep its photos locked for hours, while
their jobs come again elsewhere and fail.
"""

_KEEPALIVES = {
    "tcp_keepalives_idle": str(SILENCE_S),
    "tcp_keepalives_interval": str(SILENCE_S // 2),
    "tcp_keepalives_count": "2",
}

_GRACE_S = 2
"""How much later than the server itself we notice that a statement takes too long."""


class Database:
    """One connection per thread, made when first needed and again after it broke.

    A server that has fallen silent is given up: in time, or soon once ``stop`` is set.
    """

    def __init__(self, settings: DatabaseSettings, stop: threading.Event | None = None) -> None:
        self._settings = settings
        self._stop = stop or threading.Event()
        # Not `threading.local`: for threads that Python has not started, as are those of `-w 2` and
        # of a cluster, it is empty again whenever they have left Python, so with every batch.
        self._connections: dict[int, Connection] = {}

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """This thread's connection, in autocommit mode, with vectors as binary parameters.

        Raises:
            TransientError, SystemicError, DataError: what psycopg raised, translated.
        """
        try:
            yield self._connected()
        except psycopg.Error as error:
            translated = explain(error)
            if isinstance(translated, SystemicError):
                self.close()
            raise translated from error

    def close(self) -> None:
        """Close this thread's connection, if it has one."""
        connection = self._connections.pop(threading.get_ident(), None)
        if connection is not None:
            connection.close()

    def close_all(self) -> None:
        """Close the connections of all threads, none of which uses it any more."""
        while self._connections:
            _, connection = self._connections.popitem()
            connection.close()

    def _connected(self) -> Connection:
        thread = threading.get_ident()
        connection = self._connections.get(thread)
        if connection is None or connection.closed:
            connection = connect(self._settings, lock_timeout_s=LOCK_TIMEOUT_S, stop=self._stop)
            try:
                register_vector(connection)
            except psycopg.ProgrammingError:
                with closing(connection):
                    _explain_vectors(connection)
                raise
            except psycopg.Error:
                connection.close()
                raise
            self._connections[thread] = connection
        return connection


def _explain_vectors(connection: Connection) -> None:
    """Say why there are no vectors: for a running worker that may pass."""
    try:
        require_vectors(connection)
    except ConfigurationError as error:
        raise SystemicError(str(error)) from None


def connect(
    settings: DatabaseSettings, *, lock_timeout_s: float = 0, stop: threading.Event | None = None
) -> Connection:
    """Open a plain connection in autocommit mode; 0 seconds wait for a lock without limit.

    With ``stop`` it gives up on a server that has fallen silent, sooner once that is set.

    Raises:
        ConfigurationError: the DSN cannot be read.
        psycopg.OperationalError: the server is unreachable or refuses us.
    """
    own_options = str(readable(settings.dsn.get_secret_value()).get("options") or "")
    limits = {
        "statement_timeout": str(int(settings.statement_timeout_s * 1000)),
        "lock_timeout": str(int(lock_timeout_s * 1000)),
        "idle_in_transaction_session_timeout": str(SILENCE_S * 1000),
    }
    if settings.pooler == "transaction":
        connection: Session = _open(PooledSession, settings, "")
    else:
        options = " ".join(f"-c {name}={value}" for name, value in (limits | _KEEPALIVES).items())
        connection = _open(Session, settings, f"{options} {own_options}")
    connection.stop = stop
    connection.silence_s = settings.statement_timeout_s + _GRACE_S
    if isinstance(connection, PooledSession):
        connection.settings = limits | settings_of(own_options)
    return connection


def _open(kind: type[Session], settings: DatabaseSettings, options: str) -> Session:
    try:
        return kind.connect(
            settings.dsn.get_secret_value(),
            autocommit=True,
            connect_timeout=settings.connect_timeout_s,
            application_name="soloface",
            client_encoding="utf8",
            options=options,
            prepare_threshold=kind.prepares_after,
        )
    except UnicodeError:
        # Python's word for a name that no host can have.
        message = "failed to resolve host of SOLOFACE_DATABASE__DSN: no host can have that name"
        raise psycopg.OperationalError(message) from None
