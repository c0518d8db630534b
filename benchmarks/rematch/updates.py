"""What the trigger on `users` costs a platform that writes other columns there."""

from __future__ import annotations

import time
from dataclasses import dataclass
from statistics import median

import psycopg

from dataflow.settings import DatabaseSettings

_USERS, _ROUNDS = 1000, 15
_UPDATE = """
update users set created_at = now()
where id in (select id from users order by id limit %s)
"""


@dataclass(frozen=True, slots=True)
class Updates:
    """Milliseconds for one statement that updates so many users, with and without the trigger."""

    users: int
    with_ms: float
    without_ms: float


def measured(settings: DatabaseSettings) -> Updates:
    """Update another column of some users, in turns with the trigger and without it."""
    times: dict[str, list[float]] = {"enable": [], "disable": []}
    dsn = settings.dsn.get_secret_value()
    with psycopg.connect(dsn, autocommit=True) as connection:
        for _ in range(_ROUNDS):
            for state in ("enable", "disable"):
                connection.execute(f"alter table users {state} trigger soloface_note_user".encode())
                connection.execute("vacuum users")
                began = time.perf_counter()
                connection.execute(_UPDATE, [_USERS])
                times[state].append(1000 * (time.perf_counter() - began))
        connection.execute("alter table users enable trigger soloface_note_user")
    return Updates(_USERS, median(times["enable"]), median(times["disable"]))
