"""PostgreSQL: the server, the schema, and what our login may do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg

from connectors.postgres.connection import connect
from connectors.postgres.errors import explain
from connectors.postgres.session import Connection
from connectors.postgres.setup.migrate import migrations, pending
from connectors.postgres.setup.pooler import examine_pooler
from connectors.postgres.setup.rights import require_all_rows, require_rights
from connectors.postgres.setup.schema import require_tables
from connectors.postgres.setup.server import require_writable
from connectors.postgres.setup.triggers import silent_triggers
from connectors.postgres.setup.vectors import require_dimension, require_vectors
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import DatabaseSettings, Settings
from soloface.cli.doctor.finding import Warn


def server(settings: Settings) -> Iterator[str]:
    """Is PostgreSQL there, with pgvector, and does it take writes."""
    with _connected(settings.database) as connection:
        version = require_writable(connection)
        pgvector = require_vectors(connection)
        pooler = examine_pooler(settings.database)
    way = f", through {pooler}" if pooler else ""
    yield f"PostgreSQL {version}, pgvector {pgvector}{way}"
    if settings.database.pooler != "none" and not pooler:
        yield Warn("no pooler answers; SOLOFACE_DATABASE__POOLER=none is faster")


def schema(settings: Settings) -> Iterator[str]:
    """Are the tables as this version and the pack need them, and do their triggers fire."""
    with _connected(settings.database) as connection:
        require_tables(connection)
        require_vectors(connection)
        require_dimension(connection, settings.model.embedding_dimension)
        missing = pending(connection)
        silent = [] if missing else list(silent_triggers(connection, migrations()))
    if missing:
        raise ConfigurationError(f"not applied: {', '.join(missing)}; run: soloface migrate")
    yield f"up to date, vectors of {settings.model.embedding_dimension}"
    yield from map(Warn, silent)


def rights(settings: Settings) -> Iterator[str]:
    """May our login do what a worker does, and see all rows."""
    with _connected(settings.database) as connection:
        require_tables(connection)
        login = require_rights(connection)
        doubts = require_all_rows(connection)
    yield f"{login} may do what a worker does"
    yield from map(Warn, doubts)


@contextmanager
def _connected(settings: DatabaseSettings) -> Iterator[Connection]:
    try:
        with closing(connect(settings)) as connection:
            yield connection
    except psycopg.Error as error:
        raise explain(error) from error
