"""Enrolled users in the database: their vectors, and the record of how they came about."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, LiteralString, Protocol, TypeVar
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from connectors.postgres.connection import Database
from connectors.postgres.gallery.members import join_galleries
from connectors.postgres.gallery.required import gallery_required
from connectors.postgres.gallery.search import nearest_fellows
from connectors.postgres.gallery.users import count_users, require_comparable
from connectors.postgres.sql_files import query
from dataflow.faces.face import Embedding, Quality
from dataflow.gallery.enrolment import NOT_KEPT, Enrolment, Examined, Refusal, Status
from dataflow.process.retry import LinearBackoff
from dataflow.steps.matching import Candidate

T = TypeVar("T")
Connection = psycopg.Connection[TupleRow]

_PATIENCE = LinearBackoff(tries=20, step_s=0.2)


class Asking(Protocol):
    """Asks the database, again as long as that may help."""

    def __call__(self, operation: Callable[[], T], /) -> T:
        """Ask."""


class Admission(Protocol):
    """Who may be enrolled, where more is known of it than the database's own withdrawals."""

    def enter(self, connection: Connection) -> None:
        """The transaction begins: what it waits for first."""

    def admit(self, connection: Connection) -> None:
        """Raise what is to be known of users who may not be enrolled, under all locks."""

    def stored(self, connection: Connection, enrolment: Enrolment) -> None:
        """A user is enrolled, unless the transaction fails."""


@dataclass(frozen=True, slots=True)
class EnrolmentRegister:
    """The :class:`~dataflow.gallery.enrolment.Register` of one contract; ``by`` is who enrols.

    ``forget`` is told the references of photos that no enrolment has any more, once that is
    certain. ``again`` says that those who have withdrawn have agreed again; ``admission`` decides
    that, where there is one. ``asking`` is how stubbornly the database is asked.
    """

    database: Database
    model: str
    by: str | None = None
    forget: Callable[[Sequence[str]], None] = field(default=lambda _refs: None)
    again: bool = False
    admission: Admission | None = None
    asking: Asking = _PATIENCE.call

    def fingerprints(self, user_ids: Sequence[UUID]) -> Mapping[UUID, str]:
        """By which photos they were enrolled, as far as their vectors are still of those."""
        parameters = {"user_ids": list(user_ids), "model": self.model}
        return dict(self._rows(query("enrolment_fingerprints"), parameters))

    def photo_counts(self, user_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        """Of how many photos their vectors are the means, as far as they are still of those."""
        parameters = {"user_ids": list(user_ids), "model": self.model}
        return dict(self._rows(query("enrolment_photo_counts"), parameters))

    def count(self) -> int:
        """How many are enrolled with this contract."""
        return self._ask(lambda connection: count_users(connection, self.model))

    def galleries(self, user_ids: Sequence[UUID]) -> Mapping[UUID, frozenset[str]]:
        """To which galleries they belong, as far as they belong to any."""
        rows = self._rows(query("galleries_of_users"), {"user_ids": list(user_ids)})
        return {user_id: frozenset(names) for user_id, names in rows}

    def members(self, galleries: Collection[str]) -> Mapping[str, int]:
        """How many members of each gallery are enrolled with this contract."""
        asked = {"galleries": list(galleries), "model": self.model}
        return dict(self._rows(query("count_members"), asked))

    def gallery_required(self) -> bool:
        """Whether the workers have noted that they compare in galleries only."""
        return self._ask(lambda connection: gallery_required(connection, self.model))

    def join(self, galleries: Mapping[UUID, Sequence[str]]) -> None:
        """Add users to galleries."""
        self._ask(lambda connection: join_galleries(connection, galleries))

    def nearest(
        self, embeddings: Sequence[Embedding], galleries: Sequence[frozenset[str]], count: int
    ) -> list[list[Candidate]]:
        """The nearest enrolled users of each vector, in its galleries; if it has none, of all."""
        return self._ask(
            lambda connection: nearest_fellows(connection, embeddings, galleries, self.model, count)
        )

    def withdrawn(self, user_ids: Sequence[UUID]) -> set[UUID]:
        """Those who have withdrawn, unless they have agreed again."""
        if self.again or self.admission:
            return set()
        rows = self._rows(query("withdrawn_users"), {"user_ids": list(user_ids)})
        return {user_id for (user_id,) in rows}

    def agreed(self, consents: Mapping[UUID, str]) -> None:
        """Note to which terms enrolled users have agreed, and that it was now."""
        if not consents:
            return
        values = {"user_id": list(consents), "consent": list(consents.values())}
        self._ask(lambda connection: connection.execute(query("save_consents"), values))

    def save(self, enrolments: Sequence[Enrolment]) -> dict[UUID, Status]:
        """Store a batch in one transaction.

        Returns who is left out: whom the platform would have to add first, as its ``users`` need
        more than an id, and who has withdrawn meanwhile.

        Raises:
            ConfigurationError: the gallery was moved to another model meanwhile.
        """
        left_out, replaced = self._ask(partial(self._save, enrolments=enrolments))
        if replaced:
            self.forget(replaced)
        return left_out

    def _save(
        self, connection: Connection, enrolments: Sequence[Enrolment]
    ) -> tuple[dict[UUID, Status], list[str]]:
        with connection.transaction():
            asked = {"user_ids": [enrolment.user_id for enrolment in enrolments]}
            if self.admission:
                self.admission.enter(connection)
            known = {row[0] for row in connection.execute(query("lock_users"), asked)}
            # Under locks that a cut-over waits for.
            require_comparable(connection, self.model)
            left_out = self._withdrawn(connection, asked)
            new = [e for e in enrolments if e.user_id not in known and e.user_id not in left_out]
            if not self._add(connection, new):
                left_out |= {e.user_id: Status.UNKNOWN_USER for e in new}
            stored = [e for e in enrolments if e.user_id not in left_out]
            if old := [e for e in stored if e.user_id in known]:
                values = {**_vectors(old), "model": self.model}
                connection.execute(query("update_users"), values)
            # Photos may have been kept of those who have withdrawn meanwhile.
            refused = [e for e in enrolments if left_out.get(e.user_id) is Status.WITHDRAWN]
            kept = {portrait.photo for enrolment in refused for portrait in enrolment.used}
            join_galleries(connection, {e.user_id: e.galleries for e in stored})
            gone = self._record(connection, stored, kept)
            if self.admission:
                for enrolment in stored:
                    self.admission.stored(connection, enrolment)
            return left_out, gone

    def _withdrawn(
        self, connection: Connection, asked: Mapping[str, list[UUID]]
    ) -> dict[UUID, Status]:
        """Under locks that an erasure waits for."""
        if self.admission:
            self.admission.admit(connection)
            return {}
        if self.again:
            connection.execute(query("lift_withdrawals"), asked)
            return {}
        rows = connection.execute(query("withdrawn_users"), asked).fetchall()
        return {user_id: Status.WITHDRAWN for (user_id,) in rows}

    def photos(self, most: int, gallery: str | None) -> tuple[list[tuple[UUID, str]], int]:
        """By which photos users, or members of a gallery, are enrolled: so many, and of how many.

        Users come in no order, but always the same one, so that the first are a sample.
        """
        parameters = {"model": self.model, "most": most, "gallery": gallery}
        rows = self._rows(query("enrolled_photos"), parameters)
        return [(user_id, ref) for user_id, ref, _ in rows], rows[0][2] if rows else 0

    def models(self) -> set[str]:
        """The contracts with which users were enrolled by photos."""
        return {model for (model,) in self._rows("select distinct model from face_enrolments")}

    def _rows(
        self, statement: LiteralString, parameters: Mapping[str, Any] | None = None
    ) -> list[TupleRow]:
        return self._ask(lambda connection: connection.execute(statement, parameters).fetchall())

    def _ask(self, work: Callable[[Connection], T]) -> T:
        """Do it, again if somebody was in the way: a cut-over may hold the table for a while."""

        def once() -> T:
            with self.database.connection() as connection:
                return work(connection)

        return self.asking(once)

    def _add(self, connection: Connection, new: Sequence[Enrolment]) -> bool:
        if new:
            try:
                with connection.transaction():
                    values = {**_vectors(new), "model": self.model}
                    connection.execute(query("insert_users"), values)
            except psycopg.errors.NotNullViolation:
                return False
        return True

    def _record(
        self, connection: Connection, enrolments: Sequence[Enrolment], refused: set[str]
    ) -> list[str]:
        """Write down who was enrolled by what; returns the references that nobody has any more."""
        user_ids = [enrolment.user_id for enrolment in enrolments]
        connection.execute(
            query("save_enrolments"),
            {
                "model": self.model,
                "by": self.by,
                "user_id": user_ids,
                "photos": [len(enrolment.used) for enrolment in enrolments],
                "fingerprint": [enrolment.fingerprint for enrolment in enrolments],
                "consent": [enrolment.consent for enrolment in enrolments],
            },
        )
        earlier = connection.execute(
            "delete from face_enrolment_photos where user_id = any(%s::uuid[]) returning ref",
            [user_ids],
        ).fetchall()
        rows = [
            (
                *(enrolment.user_id, photo.sha256, photo.photo, _measured(photo.quality)),
                photo.reason if isinstance(photo, Refusal) else None,
            )
            for enrolment in enrolments
            for photo in _photos(enrolment)
            if photo.sha256 and photo.photo != NOT_KEPT
        ]
        columns = ("user_id", "sha256", "ref", "quality", "refused")
        values = {name: [row[i] for row in rows] for i, name in enumerate(columns)}
        connection.execute(query("save_enrolment_photos"), values)
        if gone := ({ref for (ref,) in earlier} | refused) - {*values["ref"], NOT_KEPT}:
            asked = {"refs": sorted(gone)}
            return [ref for (ref,) in connection.execute(query("unreferenced_photos"), asked)]
        return []


def _photos(enrolment: Enrolment) -> list[Examined]:
    return [*enrolment.used, *enrolment.refused]


def _vectors(enrolments: Sequence[Enrolment]) -> dict[str, list[Any]]:
    return {
        "user_id": [enrolment.user_id for enrolment in enrolments],
        "embedding": [enrolment.embedding for enrolment in enrolments],
    }


def _measured(quality: Quality | None) -> Jsonb | None:
    return Jsonb(asdict(quality)) if quality else None
