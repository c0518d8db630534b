"""What PostgreSQL's errors mean to us."""

from __future__ import annotations

import re

import psycopg

from dataflow.jobs.errors import DataError, SolofaceError, SystemicError, TransientError
from dataflow.jobs.reason import Reason

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_TRANSIENT_STATES = frozenset(
    {
        "40001",  # serialization_failure
        "40P01",  # deadlock_detected
        "55P03",  # lock_not_available
        "57014",  # query_canceled: the statement timeout
        "23503",  # foreign_key_violation: a row we saw is gone, the next try sees that
        "23505",  # unique_violation: somebody wrote it meanwhile, the next try sees that
    }
)
# P0: what a trigger of the platform's raises against a row.
_DATA_CLASSES = frozenset({"21", "22", "23", "P0"})

USE_POOLER = "set SOLOFACE_DATABASE__POOLER=transaction"
_WAYS_OUT = {
    "25006": "use the primary, or make the database writable",  # read_only_sql_transaction
    "26000": f"if a pooler is in between, {USE_POOLER}",  # no such prepared statement
    "42P05": f"if a pooler is in between, {USE_POOLER}",  # prepared statement exists already
    "42P01": "run: soloface migrate",
}
_NOT_CONNECTED = ("connection failed: ", "connection is bad: ", "failed to resolve host ")
_POOLER_REFUSES = re.compile(r"unsupported startup parameter")


def explain(error: psycopg.Error) -> SolofaceError:
    """Translate a driver's error: its nature, and one line that says what went wrong."""
    state = error.sqlstate or ""
    message = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if state in _TRANSIENT_STATES:
        return TransientError(message)
    ours = not state and not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    if state[:2] in _DATA_CLASSES or ours:
        # Without a state the server has not seen it: the driver could not even send a value.
        return DataError(Reason.WRITE_REJECTED, message)
    way_out = _WAYS_OUT.get(state) or _of_connecting(message)
    return SystemicError(f"{message}; {way_out}" if way_out else message)


def _of_connecting(message: str) -> str:
    """What to do where no connection came about, which has no state."""
    if _POOLER_REFUSES.search(message):
        return f"that is what PgBouncer says: {USE_POOLER}"
    return "see SOLOFACE_DATABASE__DSN" if message.startswith(_NOT_CONNECTED) else ""
