"""Moving a gallery to another model, with both models' vectors side by side until it is done."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from connectors.postgres.connection import Database
from connectors.postgres.sql_files import query
from dataflow.faces.contract import Contract
from dataflow.faces.face import Box, Embedding

Connection = psycopg.Connection[TupleRow]

_SIZED = """
select format_type(atttypid, atttypmod) from pg_attribute
where attrelid = 'users'::regclass and attname = 'face_embedding'
"""


@dataclass(frozen=True, slots=True)
class ToDo:
    """A user or a face without a vector of the new model.

    ``made_at`` is when its present vector was made: if that changes meanwhile, so must the new one.
    ``box`` is where a face was on its photo, which may show others.
    """

    id: UUID
    made_at: datetime | None
    photos: tuple[str, ...]
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class Reembedding:
    """The move to ``contract``, in steps of which each can be repeated.

    New vectors are put beside those in use, which goes on for as long as it takes while workers run
    on. The cut-over is one transaction: it keeps the old vectors beside, gives the columns their
    new length and takes the new vectors into use. A worker of the old model either has committed
    before it, or finds nobody of its model afterwards: its search and its write both ask for that.
    It then holds, and says so, until it is started with the new pack. The cut-over leaves word that
    all faces of the new contract have to be matched again.
    """

    database: Database
    contract: Contract

    def users(self) -> list[ToDo]:
        """Enrolled users who have no vector of the new model yet."""
        return self._to_do("users_to_reembed")

    def faces(self) -> list[ToDo]:
        """Faces on photos that have none."""
        return self._to_do("faces_to_reembed")

    def stage_users(self, vectors: Sequence[tuple[ToDo, Embedding]]) -> None:
        """Put users' new vectors beside the old ones."""
        self._stage("stage_users", vectors)

    def stage_faces(self, vectors: Sequence[tuple[ToDo, Embedding]]) -> None:
        """Put faces' new vectors beside the old ones."""
        self._stage("stage_faces", vectors)

    def cut_over(self, left_behind: Collection[ToDo] = ()) -> bool:
        """Take the new vectors into use, all at once.

        Returns ``False``, with nothing changed, where users are not ready whom it is not agreed to
        leave behind as they are: they were enrolled meanwhile.

        Raises:
            TransientError: somebody holds the tables; try again.
        """
        asked = {"model": self.contract.id}
        with self.database.connection() as connection, connection.transaction():
            connection.execute("set local statement_timeout = 0")
            # In the order in which the worker's statements take them.
            connection.execute("lock table users, photo_faces in access exclusive mode")
            if not set(self._look(connection, "users_to_reembed")) <= set(left_behind):
                return False
            # Else each user's new vector would ask for a look through all faces by itself.
            connection.execute(query("say_why"), {"cause": "reembedded", "by": ""})
            connection.execute(query("put_vectors_beside"), asked)
            self._resize(connection)
            connection.execute(query("cut_over_users"), asked)
            connection.execute(query("cut_over_faces"), asked)
            connection.execute(query("await_all_faces"), asked)
        return True

    def drop_old(self) -> int:
        """Drop all vectors that are kept beside and not in use; returns how many."""
        with self.database.connection() as connection, connection.transaction():
            return sum(
                connection.execute(statement, [self.contract.id]).rowcount
                for statement in (
                    "delete from user_embeddings where model <> %s",
                    "delete from photo_face_embeddings where model <> %s",
                )
            )

    def _resize(self, connection: Connection) -> None:
        dimension = self.contract.dimension
        if connection.execute(_SIZED).fetchone() == (f"vector({dimension})",):
            return
        # A type's length is no parameter.
        script = query("resize_vectors").replace(":dimension", str(int(dimension)))
        connection.execute(sql.SQL(script))

    def _to_do(self, name: str) -> list[ToDo]:
        with self.database.connection() as connection:
            return self._look(connection, name)

    def _look(self, connection: Connection, name: str) -> list[ToDo]:
        rows = connection.execute(query(name), {"model": self.contract.id}).fetchall()
        return [ToDo(i, at, _photos(found), _box(where)) for i, at, found, where in rows]

    def _stage(self, name: LiteralString, vectors: Sequence[tuple[ToDo, Embedding]]) -> None:
        if not vectors:
            return
        values = {
            "model": self.contract.id,
            "id": [item.id for item, _ in vectors],
            "made_at": [item.made_at for item, _ in vectors],
            "embedding": [embedding for _, embedding in vectors],
        }
        with self.database.connection() as connection:
            connection.execute(query(name), values)


def _photos(found: list[str] | str | None) -> tuple[str, ...]:
    if found is None:
        return ()
    return (found,) if isinstance(found, str) else tuple(found)


def _box(found: dict[str, float] | None) -> Box | None:
    """A box as the worker writes it; a platform's own rows may have others."""
    if found is None or not found.keys() >= {"x1", "y1", "x2", "y2"}:
        return None
    return Box(found["x1"], found["y1"], found["x2"], found["y2"])
