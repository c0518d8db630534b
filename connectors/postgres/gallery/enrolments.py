"""Enrolled users in the database: their vectors, and the record of how they came about."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any, LiteralString, Protocol, TypeVar
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from connectors.postgres.connection import Database
from connectors.postgres.gallery.members import join_galleries
from connectors.postgres.gallery.memory import GalleryMemory
from connectors.postgres.gallery.neighbours import EnrolledNeighbours, plan_for
from connectors.postgres.gallery.users import count_users, require_comparable
from connectors.postgres.sql_files import query
from dataflow.faces.face import Embedding, Quality
from dataflow.gallery.enrolment import NOT_KEPT, Enrolment, Examined, Judge, Refusal, Status
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
    that, where there is one. ``asking`` is how stubbornly the database is asked. ``memory`` is
    where the users are searched, if it holds them.
    """

    database: Database
    model: str
    by: str | None = None
    forget: Callable[[Sequence[str]], None] = field(default=lambda _refs: None)
    again: bool = False
    admission: Admission | None = None
    asking: Asking = _PATIENCE.call
    memory: GalleryMemory | None = None

    def fingerprints(self, user_ids: Sequence[UUID]) -> Mapping[UUID, str]:
        """By which photos they were enrolled, as far as their vectors are still of those."""
        parameters = {"user_ids": list(user_ids), "model": self.model}
        return dict(self._rows(query("enrolment_fingerprints"), parameters))

    def photo_counts(self, user_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        """Of how many photos their vectors are the means, as far as they are still of those."""
        return self._neighbours.photo_counts(user_ids)

    def count(self) -> int:
        """How many are enrolled with this contract."""
        return self._ask(lambda connection: count_users(connection, self.model))

    def galleries(self, user_ids: Sequence[UUID]) -> Mapping[UUID, frozenset[str]]:
        """To which galleries they belong, as far as they belong to any."""
        return self._neighbours.galleries(user_ids)

    def members(self, galleries: Collection[str]) -> Mapping[str, int]:
        """How many members of each gallery are enrolled with this contract."""
        return self._neighbours.members(galleries)

    def gallery_required(self) -> bool:
        """Whether the workers have noted that they compare in galleries only."""
        return self._neighbours.gallery_required()

    def join(self, galleries: Mapping[UUID, Sequence[str]]) -> None:
        """Add users to galleries."""
        self._ask(lambda connection: join_galleries(connection, galleries))

    def nearest(
        self, embeddings: Sequence[Embedding], galleries: Sequence[frozenset[str]], count: int
    ) -> list[list[Candidate]]:
        """The nearest enrolled users of each vector, in its galleries; if it has none, of all."""
        return self._neighbours.nearest(embeddings, galleries, count)

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

    def save(
        self, enrolments: Sequence[Enrolment], judge: Judge | None = None
    ) -> Sequence[Enrolment]:
        """Store a batch in one transaction; returns how each one ended.

        Not stored are those whom ``judge`` refuses, who have withdrawn meanwhile, and whom the
        platform would have to add first, as its ``users`` need more than an id. Nobody else is
        enrolled from the moment of the judgement to the end.

        Raises:
            ConfigurationError: the gallery was moved to another model meanwhile.
        """
        ended, gone = self._ask(partial(self._save, enrolments=enrolments, judge=judge))
        if gone:
            self.forget(gone)
        return ended

    def _save(
        self, connection: Connection, enrolments: Sequence[Enrolment], judge: Judge | None
    ) -> tuple[Sequence[Enrolment], list[str]]:
        plan = plan_for(connection, enrolments, self.model, self.memory) if judge else None
        with connection.transaction():
            if self.admission:
                self.admission.enter(connection)
            asked = {"user_ids": [enrolment.user_id for enrolment in enrolments]}
            known = _locked(connection, asked)
            # Under locks that a cut-over waits for.
            require_comparable(connection, self.model)
            ended = {e.user_id: e for e in self._without_withdrawn(connection, enrolments)}
            if judge and plan:
                # The last that is waited for: whoever has the turn keeps all others from enrolling.
                connection.execute(query("take_enrolment_turn"))
                known = _locked(connection, asked)  # somebody may have been added meanwhile
                neighbours = EnrolledNeighbours.within(connection, self.model, plan)
                ended |= {e.user_id: e for e in judge(_stored(ended), neighbours)}
            self._admit(connection, _stored(ended))
            new = [enrolment for enrolment in _stored(ended) if enrolment.user_id not in known]
            if not self._add(connection, new):
                ended |= {e.user_id: replace(e, status=Status.UNKNOWN_USER) for e in new}
            stored = _stored(ended)
            if old := [enrolment for enrolment in stored if enrolment.user_id in known]:
                values = {**_vectors(old), "model": self.model}
                connection.execute(query("update_users"), values)
            join_galleries(connection, {e.user_id: e.galleries for e in stored})
            # Photos may have been kept of those who are not enrolled after all.
            refused = [e for e in ended.values() if e.status is not Status.ENROLLED]
            kept = {portrait.photo for enrolment in refused for portrait in enrolment.used}
            gone = self._record(connection, stored, kept)
            if self.admission:
                for enrolment in stored:
                    self.admission.stored(connection, enrolment)
            return list(ended.values()), gone

    def _without_withdrawn(
        self, connection: Connection, enrolments: Sequence[Enrolment]
    ) -> list[Enrolment]:
        """Mark who has withdrawn meanwhile, under locks that an erasure waits for."""
        if self.admission or self.again:
            return list(enrolments)
        asked = {"user_ids": [enrolment.user_id for enrolment in enrolments]}
        gone = {user_id for (user_id,) in connection.execute(query("withdrawn_users"), asked)}
        return [replace(e, status=Status.WITHDRAWN) if e.user_id in gone else e for e in enrolments]

    def _admit(self, connection: Connection, enrolments: Sequence[Enrolment]) -> None:
        """Lift the withdrawals of those who have agreed again and are about to be enrolled."""
        if not enrolments:
            return
        if self.admission:
            self.admission.admit(connection)
        elif self.again:
            asked = {"user_ids": [enrolment.user_id for enrolment in enrolments]}
            connection.execute(query("lift_withdrawals"), asked)

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

    @property
    def _neighbours(self) -> EnrolledNeighbours:
        return EnrolledNeighbours(self._ask, self.model, memory=self.memory)

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


def _locked(connection: Connection, asked: Mapping[str, list[UUID]]) -> set[UUID]:
    """Lock those of the users that there are."""
    return {user_id for (user_id,) in connection.execute(query("lock_users"), asked)}


def _stored(ended: Mapping[UUID, Enrolment]) -> list[Enrolment]:
    return [enrolment for enrolment in ended.values() if enrolment.status is Status.ENROLLED]


def _photos(enrolment: Enrolment) -> list[Examined]:
    return [*enrolment.used, *enrolment.refused]


def _vectors(enrolments: Sequence[Enrolment]) -> dict[str, list[Any]]:
    return {
        "user_id": [enrolment.user_id for enrolment in enrolments],
        "embedding": [enrolment.embedding for enrolment in enrolments],
    }


def _measured(quality: Quality | None) -> Jsonb | None:
    return Jsonb(asdict(quality)) if quality else None
