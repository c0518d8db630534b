"""Waits for those who hold what a migration needs, without making others wait behind it.

Whoever asks PostgreSQL for a table alone stands in a queue, and everybody who comes later stands
behind. So the wait is cut short, others pass, and it is tried again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

import psycopg

from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query
from dataflow.jobs.errors import ConfigurationError

T = TypeVar("T")

LOCK = 0x50_1F_AC_E0  # any number, as long as every soloface takes the same
LOCK_WAIT_S = 1.5
"""How long others may stand behind us. More than a second: after that, autovacuum gives way."""

WAIT_S = 60.0
"""How long to try again."""

_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 5.0


def in_turn(
    connection: Connection, work: Callable[[], T], tell: Callable[[str], None], wait_s: float
) -> T:
    """Do something that takes locks, again while somebody holds them.

    Args:
        connection: with a lock timeout, for asking who that is.
        work: one transaction.
        tell: is told of each one who is waited for.
        wait_s: after so long no try follows.

    Raises:
        ConfigurationError: the time is over.
    """
    deadline = time.monotonic() + wait_s
    pause_s = _PAUSE_S
    while True:
        try:
            return work()
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected):
            holder = _holder(connection)
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                raise ConfigurationError(
                    f"nothing was changed: for {wait_s:g} s {holder or 'others in turn'} held what "
                    "the migration needs; wait for its end, or longer with: soloface migrate "
                    "--wait SECONDS"
                ) from None
        if holder:
            tell(f"waiting for {holder}; others are not held up meanwhile")
        time.sleep(min(pause_s, left_s))
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def _holder(connection: Connection) -> str | None:
    """Who holds what we need, the one for longest that does; not what it runs."""
    row = connection.execute(query("lock_holder"), {"lock": LOCK}).fetchone()
    if row is None:
        return None
    pid, login, application, state, began, began_query = row
    if pid is None:
        return "a prepared transaction (see pg_prepared_xacts)"
    about = [f"login {login}", f"application {application or 'unnamed'}"]
    about += [state] if state else []
    about += [f"transaction since {_moment(began)}"] if began else []
    about += [f"query since {_moment(began_query)}"] if began_query else []
    return f"the session with pid {pid} ({', '.join(about)})"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
