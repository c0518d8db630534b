"""Waits for those who hold what a migration needs, without making others wait behind it.

A session that asks PostgreSQL for a table alone stands in a queue, and all later sessions stand
behind it. So the wait is cut short, others pass, and it is tried again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import psycopg

from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query
from dataflow.jobs.errors import ConfigurationError

T = TypeVar("T")

LOCK_WAIT_S = 1.5
"""How long others may stand behind us. More than a second: after that, autovacuum gives way."""

WAIT_S = 60.0
"""How long to try again."""

_LOOK_EVERY_S = 0.25
_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 5.0


@dataclass
class Turns:
    """Transactions that take locks, tried again while somebody holds those.

    ``connection`` has a lock timeout; ``observe`` opens another one, to see who is in the way.
    ``tell`` is told of each one who is waited for; after ``wait_s`` no try follows.
    """

    connection: Connection
    observe: Callable[[], Connection]
    tell: Callable[[str], None]
    wait_s: float
    _backend: int = 0
    _observer: Connection | None = None
    _holder: str | None = None

    def run(self, work: Callable[[], T]) -> T:
        """Run a transaction to its end.

        Raises:
            ConfigurationError: the time is over, and nothing was changed.
        """
        deadline = time.monotonic() + self.wait_s
        pause_s = _PAUSE_S
        try:
            while True:
                with suppress(psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
                    return self._observed(work)
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    raise ConfigurationError(
                        f"nothing was changed: for {self.wait_s:g} s {self._holder or 'others'} "
                        "held what the migration needs; wait for the end of that, or longer with: "
                        "soloface migrate --wait SECONDS"
                    )
                if self._holder:
                    self.tell(f"waiting for {self._holder}; others are not held up meanwhile")
                time.sleep(min(pause_s, left_s))
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        finally:
            if self._observer is not None:
                self._observer.close()

    def _observed(self, work: Callable[[], T]) -> T:
        self._holder = None
        with ThreadPoolExecutor(1) as thread:
            future = thread.submit(self._transaction, work)
            try:
                while wait([future], _LOOK_EVERY_S).not_done:
                    with suppress(psycopg.Error):  # it is only said
                        self._look()
            except BaseException:
                self.connection.cancel_safe()
                raise
            return future.result()

    def _transaction(self, work: Callable[[], T]) -> T:
        with self.connection.transaction():
            # Not the connection's own word: behind a pooler each transaction may have another.
            row = self.connection.execute("select pg_backend_pid()").fetchone()
            self._backend = row[0] if row else 0
            return work()

    def _look(self) -> None:
        """See who is in the way just now, if anybody is."""
        if self._observer is None:
            self._observer = self.observe()
        row = self._observer.execute(query("lock_holder"), {"backend": self._backend}).fetchone()
        if row:
            self._holder = _described(*row)


def _described(  # noqa: PLR0913, PLR0917 - a row's columns, in their order
    pid: int,
    login: str | None,
    application: str | None,
    state: str | None,
    began: datetime | None,
    began_query: datetime | None,
) -> str:
    """A session, but not what it runs."""
    if not pid:
        return "a prepared transaction (see pg_prepared_xacts)"
    about = [f"login {login}"] if login else []
    about += [f"application {application or 'unnamed'}"]
    about += [state] if state else []
    about += [f"transaction since {_moment(began)}"] if began else []
    about += [f"query since {_moment(began_query)}"] if began_query else []
    return f"the session with pid {pid} ({', '.join(about)})"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
