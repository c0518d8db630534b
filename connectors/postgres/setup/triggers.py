"""Whether the triggers fire that keep the tags true, whoever changes a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from connectors.postgres.session import Connection
from connectors.postgres.setup.declared import made, triggers
from connectors.postgres.sql_files import query

_AFTERWARDS = (
    "what was written meanwhile went unnoticed: docs/operations.md, "
    '"Writes that fire no triggers", says what to run then'
)


def silent_triggers(connection: Connection, files: Iterable[Path]) -> Iterator[str]:
    """What does not fire of that which these migrations make, a line each with what to do.

    Raises:
        psycopg.Error: the database did not answer.
    """
    paths = list(files)
    declared = triggers(paths)
    wanted = {
        "names": [name for name, _ in declared],
        "tables": [table for _, table in declared],
        "own": list(made(paths)),
    }
    for name, table, kind, is_there in connection.execute(query("trigger_states"), wanted):
        if not is_there:
            yield (
                f"the trigger {name} of {table} is gone; as the owner of the tables, run "
                f"{declared[name, table]} again and every later file there; {_AFTERWARDS}"
            )
        elif kind == "trigger":
            yield (
                f"the trigger {name} of {table} is disabled; alter table {table} enable trigger "
                f"{name}; {_AFTERWARDS}"
            )
        else:
            yield (
                f"the foreign key {name} of {table} is not enforced; as a superuser: alter table "
                f"{table} enable trigger all, and the same for the table that it points to; "
                f"{_AFTERWARDS}"
            )
