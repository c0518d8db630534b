"""A session of PostgreSQL: how long it waits for the server, and what it has set there."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, TypeVar

import psycopg
from psycopg.abc import Params, PQGen, QueryNoTemplate
from psycopg.errors import _WaitTimeout
from psycopg.pq import PipelineStatus, TransactionStatus
from psycopg.rows import TupleRow

T = TypeVar("T")
Connection = psycopg.Connection[TupleRow]

LAST_WORDS_S = 5
"""How long the server may take to answer once a stop was asked for."""

_LOOK_EVERY_S = 0.25
_SET = "select set_config(name, value, %s) from unnest(%s::text[], %s::text[]) as s (name, value)"


class Session(psycopg.Connection[TupleRow]):
    """One that does not wait for ever for a server that has fallen silent.

    The server's own timeouts end a statement only where there still is a server to say so; and a
    network that has swallowed it may need a quarter of an hour to admit that.
    """

    prepares_after: ClassVar[int | None] = 5
    """Executions of a statement after which the server keeps it prepared; 5 is the driver's own."""

    stop: threading.Event | None = None
    silence_s = float("inf")
    together: psycopg.Pipeline | None = None
    """Where :func:`sent_together` sends statements just now."""

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


class PooledSession(Session):
    """One through a pooler that gives each transaction whichever server connection is free.

    Nothing outlasts a transaction there. So each statement runs in one, which begins with what is
    set: in the same round trip, where nobody else has begun it.
    """

    prepares_after = None

    def __init__(self, *arguments: Any, **keywords: Any) -> None:  # noqa: ANN401 - the driver's own
        super().__init__(*arguments, **keywords)
        self.settings: dict[str, str] = {}

    def execute(  # type: ignore[override] # no template strings before Python 3.14
        self,
        query: QueryNoTemplate,
        params: Params | None = None,
        *,
        prepare: bool | None = None,
        binary: bool = False,
    ) -> psycopg.Cursor[TupleRow]:
        """Execute a statement under our settings."""
        if self._is_alone:
            with sent_together(self):
                return super().execute(query, params, prepare=prepare, binary=binary)
        return super().execute(query, params, prepare=prepare, binary=binary)

    @contextmanager
    def transaction(
        self,
        savepoint_name: str | None = None,
        force_rollback: bool = False,  # noqa: FBT001, FBT002 - the driver's signature
    ) -> Iterator[psycopg.Transaction]:
        """A transaction under our settings."""
        outermost = self._is_alone
        with super().transaction(savepoint_name, force_rollback) as transaction:
            if outermost:
                self.send_settings()
            yield transaction

    def send_settings(self) -> None:
        """Set what is set, for the transaction that has begun."""
        if self.settings:
            names, values = list(self.settings), list(self.settings.values())
            super().execute(_SET, [True, names, values])

    @property
    def _is_alone(self) -> bool:
        return (
            self.pgconn.transaction_status == TransactionStatus.IDLE
            and self.pgconn.pipeline_status == PipelineStatus.OFF
        )


@contextmanager
def sent_together(connection: Connection) -> Iterator[None]:
    """A transaction whose statements are sent before any is answered, up to where one is read.

    The driver's own `transaction()` in a pipeline makes three more round trips of it.
    """
    try:
        with connection.pipeline() as pipeline, _marked(connection, pipeline):
            connection.execute("begin")
            if isinstance(connection, PooledSession):
                connection.send_settings()
            yield
            connection.execute("commit")
    except BaseException:
        # A statement that the driver could not even send leaves the transaction open.
        if not connection.closed and connection.info.transaction_status:
            connection.rollback()
        raise


@contextmanager
def asked_together(connection: Connection) -> Iterator[None]:
    """Questions whose answers are there at the end; within :func:`sent_together` in one round trip.

    Read before, or from a pipeline within the pipeline, they are asked for in a way that keeps the
    server from counting how long we have been silent: a host that is cut off keeps its locks then.
    """
    yield
    if isinstance(connection, Session) and connection.together:
        connection.together.sync()


@contextmanager
def _marked(connection: Connection, pipeline: psycopg.Pipeline) -> Iterator[None]:
    if not isinstance(connection, Session):
        yield
        return
    connection.together = pipeline
    try:
        yield
    finally:
        connection.together = None


def set_for_session(connection: Connection, settings: Mapping[str, str]) -> None:
    """Set something for as long as the connection lasts, also through a pooler."""
    if isinstance(connection, PooledSession):
        connection.settings.update(settings)
    else:
        connection.execute(_SET, [False, list(settings), list(settings.values())])
