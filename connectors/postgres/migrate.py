"""Applies the numbered files of ``sql/migrations``, once each, under one lock."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psycopg
import structlog
from psycopg import sql
from psycopg.rows import TupleRow

from connectors.postgres.connection import connect, explain
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
_DIMENSIONS = """
select attrelid::regclass::text || '.' || attname, format_type(atttypid, atttypmod)
from pg_attribute
where (attrelid, attname) in (
    (to_regclass('users'), 'face_embedding'), (to_regclass('photo_faces'), 'embedding')
)
order by 1
"""


def migrations() -> list[Path]:
    """The files, in the order in which they apply."""
    return sorted((sql_folder() / "migrations").glob("[0-9]*.sql"))


def migrate(
    settings: DatabaseSettings, dimension: int, on_warning: Callable[[str], None] | None = None
) -> list[str]:
    """Apply what is missing, all or nothing; returns the names of what was applied.

    Args:
        settings: which database.
        dimension: the length of the pack's vectors.
        on_warning: is told what the database would not do; by default that is logged.

    Raises:
        ConfigurationError: an applied file was changed, the tables are made for vectors of another
            length, or the database refused.
    """
    try:
        with connect(settings) as connection, connection.transaction():
            connection.add_notice_handler(partial(_pass_on, on_warning or _log_warning))
            connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
            connection.execute(_LEDGER)
            applied = [m.name for m in migrations() if _apply(connection, m, dimension)]
            require_dimension(connection, dimension)
    except psycopg.Error as error:
        raise ConfigurationError(f"the database cannot be migrated: {explain(error)}") from error
    return applied


def pending(connection: psycopg.Connection[TupleRow]) -> list[str]:
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


def require_dimension(connection: psycopg.Connection[TupleRow], dimension: int) -> None:
    """Check that the vector columns hold vectors of this length.

    Raises:
        ConfigurationError: they do not.
    """
    for column, kind in connection.execute(_DIMENSIONS):
        if kind != f"vector({dimension})":
            raise ConfigurationError(
                f"{column} is {kind}, but the model pack makes vector({dimension}); use the pack "
                "the database was made for (SOLOFACE_MODEL__PACK) or another database"
            )


def _pass_on(on_warning: Callable[[str], None], notice: psycopg.errors.Diagnostic) -> None:
    if notice.severity_nonlocalized == "WARNING":
        hint = f" {notice.message_hint}" if notice.message_hint else ""
        on_warning(f"{notice.message_primary}.{hint}")


def _log_warning(message: str) -> None:
    log.warning("migration_warning", message=message)


def _apply(connection: psycopg.Connection[TupleRow], path: Path, dimension: int) -> bool:
    text = path.read_text(encoding="utf-8")
    digest = hashlib.sha256(text.encode()).hexdigest()
    row = connection.execute(
        "select sha256 from soloface_migrations where name = %s", [path.name]
    ).fetchone()
    if row:
        if row[0] != digest:
            raise ConfigurationError(f"{path.name} was changed after it had been applied")
        return False
    # psql fills in :dimension when the file is run by hand.
    script = text.replace(":dimension", str(int(dimension)))
    connection.execute(sql.SQL(script))
    connection.execute(
        "insert into soloface_migrations (name, sha256) values (%s, %s)", [path.name, digest]
    )
    return True
