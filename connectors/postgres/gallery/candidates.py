"""Who may be on a photo: the nearest enrolled users, and what people have said of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, TypeAlias
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow

from connectors.postgres.gallery.search import ask, ask_members, collected
from connectors.postgres.session import asked_together
from connectors.postgres.sql_files import query
from dataflow.faces.face import Embedding
from dataflow.gallery.policies import Policies
from dataflow.gallery.search import Plan
from dataflow.jobs.outcome import Match
from dataflow.jobs.reason import Reason
from dataflow.steps.matching import NOTHING_SAID, Candidate, Said, not_rejected

Connection = psycopg.Connection[TupleRow]

_ENOUGH = 2
"""The best user and the second-best, for the margin."""


@dataclass(frozen=True, slots=True)
class Question:
    """A face whose user is sought, among the members of a gallery or among everybody."""

    photo_id: UUID
    embedding: Embedding
    gallery: str | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was decided of a face, and the two nearest users who were not ruled out."""

    reason: Reason
    match: Match | None
    nearest: tuple[Candidate, ...] = ()

    @property
    def compared(self) -> dict[str, Any]:
        """The two, by the names of the columns that keep them."""
        names = ("nearest", "second")
        known = dict(zip(names, self.nearest, strict=False))
        ids = {f"{name}_user_id": known[name].user_id if name in known else None for name in names}
        distances = {
            f"{name}_distance": known[name].distance if name in known else None for name in names
        }
        return ids | distances


Found: TypeAlias = Sequence[tuple[Question, list[Candidate], Said]]
"""The nearest users of each face, and what people have said of its photo."""


def judged(found: Found, policies: Policies) -> list[Judgement]:
    """Decide over what :func:`candidates` has found."""
    return [
        Judgement(
            *policies.of(asked.gallery).decide(nearest, said, asked.gallery),
            tuple(not_rejected(nearest, said)[:_ENOUGH]),
        )
        for asked, nearest, said in found
    ]


def candidates(
    connection: Connection,
    questions: Sequence[Question],
    model: str,
    plan: Plan,
    *,
    gallery_required: bool = False,
) -> Found:
    """For each face, what :meth:`~dataflow.steps.matching.MatchPolicy.decide` needs to know.

    Where a gallery is required, by what is said here or what the workers have noted, a face that
    belongs to none is compared with nobody.

    In a transaction that has entered by `enter_gate.sql` and will write the answers: else the
    users may change in between without anybody's noticing.
    """
    search = _Search.of(questions, model, plan, gallery_required=gallery_required)
    # One round trip, unless somebody was rejected: then the search goes as much deeper.
    with asked_together(connection):
        asked = {"photo_ids": [question.photo_id for question in questions]}
        decisions = connection.execute(query("decisions"), asked)
        found = search.ask(connection, _ENOUGH)
    nearest, said = search.collected(found), words(decisions.fetchall())
    if deeper := max((len(what.rejected) for what in said.values()), default=0):
        nearest = search.collected(search.ask(connection, _ENOUGH + deeper))
    answers = [said.get(question.photo_id, NOTHING_SAID) for question in questions]
    confirmed = {
        i: what.confirmed
        for i, what in enumerate(answers)
        if what.confirmed and not (gallery_required and questions[i].gallery is None)
    }
    for index, candidate in _confirmed(connection, questions, confirmed, model):
        others = [user for user in nearest[index] if user.user_id != candidate.user_id]
        nearest[index] = sorted([candidate, *others], key=lambda user: user.distance)
    return list(zip(questions, nearest, answers, strict=True))


_Places: TypeAlias = list[int]
"""Where some questions stand among all."""
_Asked: TypeAlias = list[tuple[_Places, psycopg.Cursor[TupleRow]]]


@dataclass(frozen=True, slots=True)
class _Search:
    """One search among everybody and one in galleries, as far as there are faces for each."""

    questions: Sequence[Question]
    model: str
    plan: Plan
    everywhere: _Places
    inside: _Places

    @classmethod
    def of(
        cls, questions: Sequence[Question], model: str, plan: Plan, *, gallery_required: bool
    ) -> Self:
        without = [i for i, question in enumerate(questions) if question.gallery is None]
        inside = [i for i, question in enumerate(questions) if question.gallery is not None]
        return cls(questions, model, plan, [] if gallery_required else without, inside)

    def ask(self, connection: Connection, count: int) -> _Asked:
        asked: _Asked = []
        if self.everywhere:
            vectors = [self.questions[i].embedding for i in self.everywhere]
            asked.append((self.everywhere, ask(connection, vectors, self.model, count, self.plan)))
        if self.inside:
            vectors = [self.questions[i].embedding for i in self.inside]
            galleries = [self.questions[i].gallery or "" for i in self.inside]
            for places, rows in ask_members(connection, vectors, galleries, self.model, count):
                asked.append(([self.inside[place] for place in places], rows))
        return asked

    def collected(self, asked: _Asked) -> list[list[Candidate]]:
        nearest: list[list[Candidate]] = [[] for _ in self.questions]
        for places, rows in asked:
            for place, users in zip(places, collected(rows, len(places)), strict=True):
                nearest[place] = users
        return nearest


def words(rows: Sequence[TupleRow]) -> dict[UUID, Said]:
    """What people have said, by photo, from the rows of `decisions.sql`."""
    said: dict[UUID, Said] = {}
    for photo_id, user_id, decision, face_index in rows:
        before = said.get(photo_id, NOTHING_SAID)
        if decision == "confirmed":
            said[photo_id] = replace(before, confirmed=user_id, face_index=face_index)
        elif decision == "nobody":
            said[photo_id] = replace(before, nobody=True)
        else:
            said[photo_id] = replace(before, rejected=before.rejected | {user_id})
    return said


def _confirmed(
    connection: Connection,
    questions: Sequence[Question],
    confirmed: Mapping[int, UUID],
    model: str,
) -> Iterator[tuple[int, Candidate]]:
    """Those who were confirmed, however far they are, with the place of their face.

    Whoever is no member of the face's gallery is not compared with it.
    """
    if confirmed:
        parameters = {
            "embeddings": [questions[index].embedding for index in confirmed],
            "galleries": [questions[index].gallery for index in confirmed],
            "user_ids": list(confirmed.values()),
            "model": model,
        }
        places = list(confirmed)
        for face, user_id, distance in connection.execute(query("confirmed_users"), parameters):
            yield places[face], Candidate(user_id, distance)
