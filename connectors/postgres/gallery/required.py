"""Whether whoever belongs to no gallery may be compared with everybody."""

from __future__ import annotations

from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query


def gallery_required(connection: Connection, model: str | None = None) -> bool:
    """Whether the workers have noted that they compare in galleries only.

    Args:
        connection: to the database.
        model: their contract. Where no worker of it has noted anything, and for ``None``, the last
            worker of any contract counts: tenants stay apart also between a move to another model
            and the start of its workers.
    """
    noted = connection.execute(query("gallery_required"), {"model": model}).fetchone()
    return noted is not None and bool(noted[0])
