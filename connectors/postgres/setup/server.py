"""The server behind the DSN: whether it takes writes, and writes down every character."""

from __future__ import annotations

from connectors.postgres.session import Connection
from dataflow.jobs.errors import SystemicError

_STATE = """
select pg_is_in_recovery(), current_setting('transaction_read_only')::boolean,
    current_setting('server_encoding'), current_setting('server_version')
"""


def require_writable(connection: Connection) -> str:
    """Check that something can be written, whatever the login's rights; returns the version.

    Raises:
        SystemicError: it cannot; the message says what to do.
    """
    row = connection.execute(_STATE).fetchone()
    standby, read_only, encoding, version = row or (False, False, "", "?")
    if standby:
        raise SystemicError(
            "this server is a standby, which takes no writes; lead SOLOFACE_DATABASE__DSN to the "
            "primary, or name all hosts in it and add target_session_attrs=read-write"
        )
    if read_only:
        raise SystemicError(
            "the database is read-only: default_transaction_read_only is on for this database, "
            "role or server; turn it off there (alter database … reset "
            "default_transaction_read_only)"
        )
    if encoding == "SQL_ASCII":
        raise SystemicError(
            "the database's encoding is SQL_ASCII, in which text has no certain meaning; use a "
            "database with encoding UTF8"
        )
    return str(version)
