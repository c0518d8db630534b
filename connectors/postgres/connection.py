"""PostgreSQL connections, and what its errors mean to us."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from pgvector.psycopg import register_vector
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import _WaitTimeout
from psycopg.rows import TupleRow

from dataflow.jobs.errors import (
    ConfigurationError,
    DataError,
    SolofaceError,
    SystemicError,
    TransientError,
)
from dataflow.jobs.reason import Reason
from dataflow.settings import DatabaseSettings

T = TypeVar("T")

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_TRANSIENT_STATES = frozenset(
    {
        "40001",  # serialization_failure
        "40P01",  # deadlock_detected
        "55P03",  # lock_not_available
        "57014",  # query_canceled: the statement timeout
        "23503",  # foreign_key_violation: a row we saw is gone, the next try sees that
        "23505",  # unique_violation: somebody wrote it meanwhile, the next try sees that
    }
)
_DATA_CLASSES = frozenset({"21", "22", "23"})

LOCK_TIMEOUT_S = 3
"""How long a batch waits for somebody's row lock, and so how long that can hold up a drain."""

SILENCE_S = 10
"""After so long without a word in the middle of a transaction, the server looks whether we live.

A host that is cut off from the network there would else keep its photos locked for hours, while
their jobs come again elsewhere and fail.
"""

LAST_WORDS_S = 5
"""How long the server may take to answer once a stop was asked for."""

_GRACE_S = 2
"""How much later than the server itself we notice that a statement takes too long."""
_LOOK_EVERY_S = 0.25


def explain(error: psycopg.Error) -> SolofaceError:
    """Translate a driver's error: its nature, and one line that says what went wrong."""
    state = error.sqlstate or ""
    message = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if state in _TRANSIENT_STATES:
        return TransientError(message)
    ours = not state and not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    if state[:2] in _DATA_CLASSES or ours:
        # Without a state the server has not seen it: the driver could not even send a value.
        return DataError(Reason.WRITE_REJECTED, message)
    if state == "42P01":
        return SystemicError(f"{message}; run: soloface migrate")
    return SystemicError(message)


class Database:
    """One connection per thread, made when first needed and again after it broke.

    A server that has fallen silent is given up: in time, or soon once ``stop`` is set.
    """

    def __init__(self, settings: DatabaseSettings, stop: threading.Event | None = None) -> None:
        self._settings = settings
        self._stop = stop or threading.Event()
        # Not `threading.local`: for threads that Python has not started, as are those of `-w 2` and
        # of a cluster, it is empty again whenever they have left Python, so with every batch.
        self._connections: dict[int, psycopg.Connection[TupleRow]] = {}

    @contextmanager
    def connection(self) -> Iterator[psycopg.Connection[TupleRow]]:
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

    def _connected(self) -> psycopg.Connection[TupleRow]:
        thread = threading.get_ident()
        connection = self._connections.get(thread)
        if connection is None or connection.closed:
            connection = connect(self._settings, lock_timeout_s=LOCK_TIMEOUT_S, stop=self._stop)
            try:
                register_vector(connection)
            except psycopg.Error:
                connection.close()
                raise SystemicError("pgvector is not set up; run: soloface migrate") from None
            self._connections[thread] = connection
        return connection


class _Connection(psycopg.Connection[TupleRow]):
    """One that does not wait for ever for a server that has fallen silent.

    The server's own timeouts end a statement only where there still is a server to say so; and a
    network that has swallowed it may need a quarter of an hour to admit that.
    """

    stop: threading.Event | None = None
    silence_s = float("inf")

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        """Drive an operation to its end.

        Raises:
            psycopg.OperationalError: the server does not answer; the connection is closed.
        """
        if self.stop is None or timeout is not None:
            return super().wait(gen, interval, timeout)
        deadline = time.monotonic() + self.silence_s
        while True:
            try:
                return super().wait(gen, interval, _LOOK_EVERY_S)
            except _WaitTimeout:
                now = time.monotonic()
                if self.stop.is_set():
                    deadline = min(deadline, now + LAST_WORDS_S)
                if now > deadline:
                    self.close()
                    raise psycopg.OperationalError("the server has fallen silent") from None


@contextmanager
def sent_together(connection: psycopg.Connection[TupleRow]) -> Iterator[None]:
    """A transaction in one round trip: its statements are sent before any is answered.

    The driver's own `transaction()` in a pipeline makes four of it.
    """
    try:
        with connection.pipeline():
            connection.execute("begin")
            yield
            connection.execute("commit")
    except BaseException:
        # A statement that the driver could not even send leaves the transaction open.
        if not connection.closed and connection.info.transaction_status:
            connection.rollback()
        raise


def connect(
    settings: DatabaseSettings, *, lock_timeout_s: float = 0, stop: threading.Event | None = None
) -> psycopg.Connection[TupleRow]:
    """Open a plain connection in autocommit mode; 0 seconds wait for a lock without limit.

    With ``stop`` it gives up on a server that has fallen silent, sooner once that is set.

    Raises:
        ConfigurationError: the DSN cannot be read.
        psycopg.OperationalError: the server is unreachable or refuses us.
    """
    dsn = settings.dsn.get_secret_value()
    own_options = _readable(dsn).get("options") or ""
    limits = {
        "statement_timeout": int(settings.statement_timeout_s * 1000),
        "lock_timeout": int(lock_timeout_s * 1000),
        "idle_in_transaction_session_timeout": SILENCE_S * 1000,
        "tcp_keepalives_idle": SILENCE_S,
        "tcp_keepalives_interval": SILENCE_S // 2,
        "tcp_keepalives_count": 2,
    }
    options = " ".join(f"-c {name}={limit}" for name, limit in limits.items())
    connection = _Connection.connect(
        dsn,
        autocommit=True,
        connect_timeout=settings.connect_timeout_s,
        application_name="soloface",
        options=f"{options} {own_options}",
    )
    connection.stop = stop
    connection.silence_s = settings.statement_timeout_s + _GRACE_S
    return connection


def _readable(dsn: str) -> dict[str, Any]:
    """The DSN's parts; refuses what libpq would complain about by quoting it, password included."""
    parts: dict[str, Any] = {}
    try:
        parts = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        readable = False
    else:
        # A special character of the password makes of it a host, a port or a database.
        ports = str(parts.get("port") or "0").split(",")
        login_is_lost = "://" in dsn and "@" in dsn.partition("?")[0] and "user" not in parts
        host_is_login = "@" in str(parts.get("host") or "")[1:]
        readable = all(map(str.isdecimal, ports)) and not login_is_lost and not host_is_login
    if not readable:
        raise ConfigurationError(
            "SOLOFACE_DATABASE__DSN cannot be read; in the form postgresql://user:password@host:"
            "port/database, special characters of the password are percent-encoded"
        )
    return parts
