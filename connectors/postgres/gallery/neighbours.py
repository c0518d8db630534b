"""Users whom a new one may be compared with, in transactions of their own or within one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar
from uuid import UUID

from connectors.postgres.gallery.memory import GalleryMemory
from connectors.postgres.gallery.nearest import nearest_fellows
from connectors.postgres.gallery.required import gallery_required
from connectors.postgres.gallery.search import current_plan
from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query
from dataflow.faces.face import Embedding
from dataflow.gallery.enrolment import Enrolment
from dataflow.gallery.search import Plan
from dataflow.steps.matching import Candidate

T = TypeVar("T")


class Ask(Protocol):
    """Asks the database something."""

    def __call__(self, work: Callable[[Connection], T], /) -> T:
        """Ask."""


@dataclass(frozen=True, slots=True)
class EnrolledNeighbours:
    """The :class:`~dataflow.gallery.enrolment.Neighbours` of one contract.

    ``plan`` is how to search; without one the connection's own, or by ``memory``, if it holds them.
    """

    ask: Ask
    model: str
    plan: Plan | None = None
    memory: GalleryMemory | None = None

    @classmethod
    def within(cls, connection: Connection, model: str, plan: Plan) -> Self:
        """As a transaction sees them that goes on.

        A plan is made before it: what that sets for the session would go with the transaction.
        """

        def ask(work: Callable[[Connection], T], /) -> T:
            return work(connection)

        return cls(ask, model, plan)

    def galleries(self, user_ids: Sequence[UUID]) -> Mapping[UUID, frozenset[str]]:
        """To which galleries they belong, as far as they belong to any."""
        asked = {"user_ids": list(user_ids)}
        rows = self.ask(
            lambda connection: connection.execute(query("galleries_of_users"), asked).fetchall()
        )
        return {user_id: frozenset(names) for user_id, names in rows}

    def members(self, galleries: Collection[str]) -> Mapping[str, int]:
        """How many members of each gallery are enrolled with this contract."""
        asked = {"galleries": list(galleries), "model": self.model}
        rows = self.ask(
            lambda connection: connection.execute(query("count_members"), asked).fetchall()
        )
        return dict(rows)

    def photo_counts(self, user_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        """Of how many photos their vectors are the means, as far as they are still of those."""
        asked = {"user_ids": list(user_ids), "model": self.model}
        rows = self.ask(
            lambda connection: connection.execute(query("enrolment_photo_counts"), asked).fetchall()
        )
        return dict(rows)

    def gallery_required(self) -> bool:
        """Whether the workers have noted that they compare in galleries only."""
        return self.ask(lambda connection: gallery_required(connection, self.model))

    def nearest(
        self, embeddings: Sequence[Embedding], galleries: Sequence[frozenset[str]], count: int
    ) -> list[list[Candidate]]:
        """The nearest enrolled users of each vector, in its galleries; if it has none, of all."""
        return self.ask(
            lambda connection: nearest_fellows(
                connection, embeddings, galleries, self.model, count, self.memory, plan=self.plan
            )
        )


def plan_for(
    connection: Connection,
    enrolments: Sequence[Enrolment],
    model: str,
    memory: GalleryMemory | None = None,
) -> Plan | None:
    """How a connection searches for users like these; ``None``: there are none to search for."""
    vectors = (e.embedding for e in enrolments if e.embedding is not None)
    vector = next(vectors, None)
    return None if vector is None else current_plan(connection, model, vector.size, memory)
