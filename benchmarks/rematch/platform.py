"""A made-up platform: users, and photos with recorded faces that nobody has computed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from pgvector.psycopg import register_vector
from psycopg.types.json import Jsonb

from connectors.postgres.session import Connection
from dataflow.gallery.made_up import Vectors, unit
from dataflow.steps.matching import MatchPolicy

MODEL = "made-up-0123456789ab"
POLICY = MatchPolicy(0.4, max_distance=0.45, min_margin=0.05)
"""Limits as a platform would set them."""

_AT_A_TIME = 10_000
_LIKENESS = 0.7
"""Of a user's face on a photo to the vector that they are enrolled with, as cosine similarity."""


@dataclass(frozen=True, slots=True)
class Platform:
    """So many users are enrolled; of the others, who come later, some faces are there already.

    All vectors point in random directions, and so do the faces on photos but those of newcomers.
    """

    users: int
    faces: int
    newcomers: int
    faces_each: int
    dimension: int = 512
    model: str = MODEL

    def enrolled(self) -> Vectors:
        """Vectors of those who are enrolled."""
        return self._made_up(1, self.users)

    def coming(self) -> Vectors:
        """Vectors of those who enrol later."""
        return self._made_up(2, self.newcomers)

    def load(self, connection: Connection) -> None:
        """Fill the tables, as quickly as PostgreSQL takes it, and let nothing wait."""
        enrol(connection, self.enrolled(), self.model)
        with connection.cursor() as cursor, cursor.copy("copy photos (id) from stdin") as copy:
            for number in range(self.faces):
                copy.write_row((UUID(int=number + 1),))
        statement = (
            "copy photo_faces (photo_id, face_index, embedding, bbox, model, det_score) "
            "from stdin (format binary)"
        )
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types(["uuid", "int4", "vector", "jsonb", "text", "float4"])
            for number, vector in enumerate(self._faces(), 1):
                copy.write_row((UUID(int=number), 0, vector, Jsonb({}), self.model, 0.9))
        connection.execute("truncate face_rematches")
        connection.execute("vacuum analyze photo_faces")
        connection.execute("vacuum analyze users")

    def _faces(self) -> Iterator[Vectors]:
        """The newcomers' faces lie evenly among the others."""
        rng = np.random.default_rng(3)
        theirs = np.repeat(self.coming(), self.faces_each, axis=0)
        places = np.linspace(0, self.faces - 1, len(theirs), dtype=int)
        done = 0
        for start in range(0, self.faces, _AT_A_TIME):
            size = min(_AT_A_TIME, self.faces - start)
            vectors = _random(rng, size, self.dimension)
            here = places[(places >= start) & (places < start + size)]
            likeness = np.float32(_LIKENESS)
            across = np.sqrt(1 - likeness**2)
            own = theirs[done : done + len(here)]
            vectors[here - start] = unit(likeness * own + across * vectors[here - start])
            done += len(here)
            yield from vectors

    def _made_up(self, seed: int, count: int) -> Vectors:
        return _random(np.random.default_rng(seed), count, self.dimension)


def enrol(connection: Connection, vectors: Vectors, model: str, first: int = 0) -> None:
    """Enrol users with numbers from ``first`` on, in one statement."""
    register_vector(connection)
    statement = "copy users (id, face_embedding, face_embedding_model) from stdin (format binary)"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["uuid", "vector", "text"])
        for number, vector in enumerate(vectors, first + 1):
            copy.write_row((UUID(int=number), vector, model))


def _random(rng: np.random.Generator, count: int, dimension: int) -> Vectors:
    return unit(rng.standard_normal((count, dimension), dtype=np.float32))
