"""Enrolled users in the database: their vectors, and the record of how they came about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from connectors.postgres.connection import Database
from connectors.postgres.gallery import require_comparable
from connectors.postgres.search import nearest_users
from connectors.postgres.sql_files import query
from dataflow.enrolment import Enrolment, Examined, Refusal
from dataflow.faces.face import Embedding, Quality
from dataflow.matching import Candidate

Connection = psycopg.Connection[TupleRow]


@dataclass(frozen=True, slots=True)
class EnrolmentRegister:
    """The :class:`~dataflow.enrolment.Register` of one contract; ``by`` is who enrols."""

    database: Database
    model: str
    by: str | None = None

    def fingerprints(self, user_ids: Sequence[UUID]) -> Mapping[UUID, str]:
        """By which photos they were enrolled, as far as their vectors are still of those."""
        parameters = {"user_ids": list(user_ids), "model": self.model}
        with self.database.connection() as connection:
            return dict(connection.execute(query("enrolment_fingerprints"), parameters).fetchall())

    def nearest(self, embeddings: Sequence[Embedding], count: int) -> list[list[Candidate]]:
        """The nearest enrolled users of each vector."""
        with self.database.connection() as connection:
            return nearest_users(connection, embeddings, self.model, count)

    def save(self, enrolments: Sequence[Enrolment]) -> set[UUID]:
        """Store a batch in one transaction.

        Returns those whom the platform would have to add first, as its ``users`` need more than an
        id; they are left out.

        Raises:
            ConfigurationError: the gallery was moved to another model meanwhile.
        """
        with self.database.connection() as connection, connection.transaction():
            asked = {"user_ids": [enrolment.user_id for enrolment in enrolments]}
            known = {row[0] for row in connection.execute(query("lock_users"), asked)}
            # Under locks that a cut-over waits for.
            require_comparable(connection, self.model)
            new = [enrolment for enrolment in enrolments if enrolment.user_id not in known]
            unknown = set() if self._add(connection, new) else {e.user_id for e in new}
            stored = [e for e in enrolments if e.user_id not in unknown]
            if old := [e for e in stored if e.user_id in known]:
                values = {**_vectors(old), "model": self.model}
                connection.execute(query("update_users"), values)
            self._record(connection, stored)
        return unknown

    def _add(self, connection: Connection, new: Sequence[Enrolment]) -> bool:
        if new:
            try:
                with connection.transaction():
                    values = {**_vectors(new), "model": self.model}
                    connection.execute(query("insert_users"), values)
            except psycopg.errors.NotNullViolation:
                return False
        return True

    def _record(self, connection: Connection, enrolments: Sequence[Enrolment]) -> None:
        user_ids = [enrolment.user_id for enrolment in enrolments]
        connection.execute(
            query("save_enrolments"),
            {
                "model": self.model,
                "by": self.by,
                "user_id": user_ids,
                "photos": [len(enrolment.used) for enrolment in enrolments],
                "fingerprint": [enrolment.fingerprint for enrolment in enrolments],
            },
        )
        connection.execute(
            "delete from face_enrolment_photos where user_id = any(%s::uuid[])", [user_ids]
        )
        rows = [
            (
                *(enrolment.user_id, photo.sha256, photo.photo, _measured(photo.quality)),
                photo.reason if isinstance(photo, Refusal) else None,
            )
            for enrolment in enrolments
            for photo in _photos(enrolment)
            if photo.sha256
        ]
        columns = ("user_id", "sha256", "ref", "quality", "refused")
        values = {name: [row[i] for row in rows] for i, name in enumerate(columns)}
        connection.execute(query("save_enrolment_photos"), values)


def _photos(enrolment: Enrolment) -> list[Examined]:
    return [*enrolment.used, *enrolment.refused]


def _vectors(enrolments: Sequence[Enrolment]) -> dict[str, list[Any]]:
    return {
        "user_id": [enrolment.user_id for enrolment in enrolments],
        "embedding": [enrolment.embedding for enrolment in enrolments],
    }


def _measured(quality: Quality | None) -> Jsonb | None:
    return Jsonb(asdict(quality)) if quality else None
