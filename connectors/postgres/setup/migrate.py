"""Applies the numbered files of ``sql/migrations``, once each, under one lock."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import psycopg
import structlog
from psycopg import sql

from connectors.postgres.connection import connect
from connectors.postgres.errors import explain
from connectors.postgres.session import Connection
from connectors.postgres.setup.platform import require_fit, require_own_ledger, require_place
from connectors.postgres.setup.server import require_writable
from connectors.postgres.setup.turns import LOCK_WAIT_S, WAIT_S, Turns
from connectors.postgres.setup.vectors import require_dimension, require_installable
from connectors.postgres.sql_files import sql_folder
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import DatabaseSettings

log = structlog.get_logger()

_LOCK = 0x50_1F_AC_E0  # any number, as long as every soloface takes the same
_LEDGER = """
create table if not exists soloface_migrations (
    name text primary key,
    sha256 text not null,
    applied_at timestamptz not null default now()
)
"""
_LEDGER_READABLE = "select has_table_privilege(to_regclass('soloface_migrations'), 'select')"
_LEDGER_HERE = "select to_regclass(quote_ident(current_schema()) || '.soloface_migrations')"


def migrations() -> list[Path]:
    """The files, in the order in which they apply."""
    return sorted((sql_folder() / "migrations").glob("[0-9]*.sql"))


def migrate(
    settings: DatabaseSettings,
    dimension: int,
    on_warning: Callable[[str], None] | None = None,
    *,
    create: bool = False,
    wait_s: float = WAIT_S,
) -> list[str]:
    """Apply what is missing, all or nothing; returns the names of what was applied.

    Args:
        settings: which database.
        dimension: the length of the pack's vectors.
        on_warning: is told what the database would not do, and who is waited for; by default that
            is logged.
        create: whether `photos` and `users` may be made in a database that has others' tables.
        wait_s: how long to try again while somebody holds a table.

    Raises:
        ConfigurationError: an applied file was changed, the tables are made for vectors of another
            length, something of the platform's is in the way, or the database refused.
        SystemicError: the database takes no writes.
    """
    tell = _each_once(on_warning or _log_warning)
    try:
        with closing(connect(settings, lock_timeout_s=LOCK_WAIT_S)) as connection:
            connection.add_notice_handler(partial(_pass_on, tell))
            require_writable(connection)
            turns = Turns(connection, partial(connect, settings), tell, wait_s)
            return turns.run(partial(_apply_all, connection, dimension, create=create, tell=tell))
    except psycopg.Error as error:
        raise ConfigurationError(f"the database cannot be migrated: {explain(error)}") from error


def _apply_all(
    connection: Connection, dimension: int, *, create: bool, tell: Callable[[str], None]
) -> list[str]:
    # A lock is not waited for longer, but an index of many faces takes its time.
    connection.execute("set local statement_timeout = 0")
    connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
    if connection.execute(_LEDGER_HERE).fetchone() == (None,):
        require_place(connection)
        connection.execute(_LEDGER)
    require_own_ledger(connection)
    missing = [path for path in migrations() if not _is_applied(connection, path)]
    if missing:
        require_place(connection)
        require_installable(connection)
        require_fit(connection, missing, create=create, tell=tell)
    for path in missing:
        _apply(connection, path, dimension)
    require_dimension(connection, dimension)
    return [path.name for path in missing]


def pending(connection: Connection) -> list[str]:
    """Names of the migrations that were not applied by :func:`migrate`.

    None of them for a login that may not know, such as one with no more than `soloface_worker`.
    """
    done: set[str] = set()
    readable = connection.execute(_LEDGER_READABLE).fetchone()
    if readable == (False,):
        return []
    if readable == (True,):
        done = {row[0] for row in connection.execute("select name from soloface_migrations")}
    return [path.name for path in migrations() if path.name not in done]


def _each_once(tell: Callable[[str], None]) -> Callable[[str], None]:
    """Say nothing twice, however often the migration is tried again."""
    told: set[str] = set()

    def tell_once(message: str) -> None:
        if message not in told:
            told.add(message)
            tell(message)

    return tell_once


def _pass_on(on_warning: Callable[[str], None], notice: psycopg.errors.Diagnostic) -> None:
    if notice.severity_nonlocalized == "WARNING":
        hint = f" {notice.message_hint}" if notice.message_hint else ""
        on_warning(f"{notice.message_primary}.{hint}")


def _log_warning(message: str) -> None:
    log.warning("migration_warning", message=message)


def _is_applied(connection: Connection, path: Path) -> bool:
    row = connection.execute(
        "select sha256 from soloface_migrations where name = %s", [path.name]
    ).fetchone()
    if row and row[0] != _digest(path):
        raise ConfigurationError(f"{path.name} was changed after it had been applied")
    return row is not None


def _apply(connection: Connection, path: Path, dimension: int) -> None:
    # psql fills in :dimension when the file is run by hand.
    script = path.read_text(encoding="utf-8").replace(":dimension", str(int(dimension)))
    connection.execute(sql.SQL(script))
    connection.execute(
        "insert into soloface_migrations (name, sha256) values (%s, %s)",
        [path.name, _digest(path)],
    )


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_text(encoding="utf-8").encode()).hexdigest()
