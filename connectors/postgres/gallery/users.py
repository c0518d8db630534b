"""The gallery: which users are enrolled, and whether the models in use can recognise them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import psycopg

from connectors.postgres.connection import Database
from connectors.postgres.session import Connection
from connectors.postgres.setup.schema import require_tables
from connectors.postgres.setup.server import require_writable
from connectors.postgres.setup.vectors import require_dimension
from connectors.postgres.sql_files import query
from dataflow.faces.contract import Contract
from dataflow.faces.face import Embedding
from dataflow.faces.packs.catalog import pack_of
from dataflow.jobs.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Gallery:
    """The enrolled users."""

    database: Database

    def sizes(self) -> Mapping[str | None, int]:
        """Enrolled users by the contract of their vectors; ``None``: not known."""
        with self.database.connection() as connection:
            return gallery_sizes(connection)

    def someones_model(self) -> str | None:
        """The contract of some enrolled user's vector; ``None``: nobody is enrolled."""
        with self.database.connection() as connection:
            someone = connection.execute(query("someones_model")).fetchone()
        return someone[0] if someone else None

    def require_schema(self, contract: Contract) -> None:
        """Check that vectors of this contract can be stored.

        Raises:
            ConfigurationError, SystemicError: they cannot; the message says what to do.
        """
        with self.database.connection() as connection:
            require_writable(connection)
            require_tables(connection)
            require_dimension(connection, contract.dimension)

    def require_comparable(self, contract: Contract) -> None:
        """Check that faces of this contract can be compared with the enrolled users.

        Raises:
            ConfigurationError: they cannot; the message names both sides and the way out.
        """
        with self.database.connection() as connection:
            require_comparable(connection, contract.id)

    def enrol(self, user_id: UUID, embedding: Embedding, contract: Contract) -> None:
        """Store a user's vector, replacing an earlier one; a new user is added.

        Raises:
            ConfigurationError: the platform's ``users`` need more than an id.
        """
        row = [embedding, contract.id, user_id]
        with self.database.connection() as connection:
            # Not an upsert: that would ask for the platform's own columns even where the user is.
            if connection.execute(query("update_user"), row).rowcount == 0:
                try:
                    connection.execute(query("insert_user"), row)
                except psycopg.errors.NotNullViolation:
                    raise ConfigurationError(
                        f"there is no user {user_id}, and `users` needs more than an id to add one"
                    ) from None


def gallery_sizes(connection: Connection) -> Mapping[str | None, int]:
    """Enrolled users by the contract of their vectors; ``None``: not known."""
    return dict(connection.execute(query("gallery_sizes")).fetchall())


def count_users(connection: Connection, model: str) -> int:
    """How many users are enrolled whose vectors are of a contract."""
    (users,) = connection.execute(query("count_users"), {"model": model}).fetchone() or (0,)
    return int(users)


def require_comparable(connection: Connection, model: str) -> None:
    """Check that vectors of this contract can be compared with the enrolled users'.

    Raises:
        ConfigurationError: they cannot; the message names both sides and the way out.
    """
    # If all is well, any user will do: counting a large gallery takes a while.
    someone = connection.execute(query("someones_model")).fetchone()
    if someone is None or someone[0] == model:
        return
    sizes = gallery_sizes(connection)
    if sizes and model not in sizes:
        others = sorted(other or "an unknown model" for other in sizes)
        former, present = {pack for other in others if (pack := pack_of(other))}, pack_of(model)
        # Another setting of the same pack makes other vectors too; then its name says nothing.
        that = "".join(f"={pack}" for pack in former - {present}) if len(others) == 1 else ""
        this = f" --to {present}" if present else ""
        raise ConfigurationError(
            f"the model in use is {model}, but the users were enrolled with {', '.join(others)}; "
            f"run with that pack (SOLOFACE_MODEL__PACK{that}) or move the users to this one "
            f"(soloface reembed{this})"
        )
