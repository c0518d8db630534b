"""Whether a pooler is between us and the server, and whether that is as it was set."""

from __future__ import annotations

from contextlib import closing

from connectors.postgres.connection import connect
from connectors.postgres.errors import USE_POOLER
from connectors.postgres.session import Connection
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import DatabaseSettings

_TRIES = 3
_BACKEND = "select pg_backend_pid()"
_IS_OURS = "select source = 'client' from pg_settings where name = 'statement_timeout'"


def is_pooled(connection: Connection) -> bool:
    """Whether somebody else than the server itself has answered our connection."""
    return connection.execute(_BACKEND).fetchone() != (connection.info.backend_pid,)


def require_own_session(connection: Connection, settings: DatabaseSettings) -> None:
    """Check that what we set for a session holds, where that was not given up for a pooler.

    Raises:
        ConfigurationError: a pooler in between drops it.
    """
    if settings.pooler != "none" or not is_pooled(connection):
        return
    if connection.execute(_IS_OURS).fetchone() != (True,):
        raise ConfigurationError(
            "a pooler (PgBouncer or the like) answers and drops the timeouts that soloface sets "
            f"for its session; {USE_POOLER}"
        )


def examine_pooler(settings: DatabaseSettings) -> str | None:
    """What kind of pooler is in between, if one is.

    Raises:
        ConfigurationError: it does not fit SOLOFACE_DATABASE__POOLER.
        psycopg.Error: what the server or the pooler refuses.
    """
    with closing(connect(settings)) as connection:
        if not is_pooled(connection):
            return None
        if not _changes_hands(settings, connection):
            require_own_session(connection, settings)
            return "a pooler that keeps sessions"
    if settings.pooler == "none":
        raise ConfigurationError(
            f"a pooler in transaction mode answers, where nothing lasts for a session; {USE_POOLER}"
        )
    return "a pooler in transaction mode"


def _changes_hands(settings: DatabaseSettings, connection: Connection) -> bool:
    """Whether somebody else is given the server connection that was ours a moment ago."""
    for _ in range(_TRIES):
        ours = connection.execute(_BACKEND).fetchone()
        with closing(connect(settings)) as other, other.transaction():
            if other.execute(_BACKEND).fetchone() == ours:
                return True
            with connection.transaction():
                if connection.execute(_BACKEND).fetchone() != ours:
                    return True
    return False
