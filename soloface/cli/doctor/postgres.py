"""PostgreSQL: the server and the schema."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import psycopg

from connectors.postgres.connection import connect as connect_postgres
from connectors.postgres.connection import explain as explain_postgres
from connectors.postgres.gallery import require_tables
from connectors.postgres.migrate import pending, require_dimension
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import Settings


def server(settings: Settings) -> Iterator[str]:
    """Is PostgreSQL there, with pgvector."""
    try:
        with closing(connect_postgres(settings.database)) as connection:
            row = connection.execute(
                "select current_setting('server_version'), "
                "(select extversion from pg_extension where extname = 'vector')"
            ).fetchone()
    except psycopg.Error as error:
        raise explain_postgres(error) from error
    version, pgvector = row or ("?", None)
    if not pgvector:
        raise ConfigurationError("the extension vector is not there; run: soloface migrate")
    yield f"PostgreSQL {version}, pgvector {pgvector}"


def schema(settings: Settings) -> Iterator[str]:
    """Are the tables as this version and the pack need them."""
    try:
        with closing(connect_postgres(settings.database)) as connection:
            require_tables(connection)
            require_dimension(connection, settings.model.embedding_dimension)
            missing = pending(connection)
    except psycopg.Error as error:
        raise explain_postgres(error) from error
    if missing:
        raise ConfigurationError(f"not applied: {', '.join(missing)}; run: soloface migrate")
    yield f"up to date, vectors of {settings.model.embedding_dimension}"
