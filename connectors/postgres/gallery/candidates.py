"""Who may be on a photo: the nearest enrolled users, and what people have said of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow

from connectors.postgres.gallery.search import ask, collected, current_plan, nearest_users
from connectors.postgres.session import asked_together
from connectors.postgres.sql_files import query
from dataflow.faces.face import Embedding
from dataflow.steps.matching import NOTHING_SAID, Candidate, Said

Connection = psycopg.Connection[TupleRow]

_ENOUGH = 2
"""The best user and the second-best, for the margin."""


@dataclass(frozen=True, slots=True)
class Question:
    """A face whose user is sought."""

    photo_id: UUID
    embedding: Embedding


def candidates(
    connection: Connection, questions: Sequence[Question], model: str
) -> list[tuple[list[Candidate], Said]]:
    """For each face, what :meth:`~dataflow.steps.matching.MatchPolicy.decide` needs to know."""
    embeddings = [question.embedding for question in questions]
    plan = current_plan(connection, model, embeddings[0].size)
    # One round trip, unless somebody was rejected: then the search goes as much deeper.
    with asked_together(connection):
        asked = {"photo_ids": [question.photo_id for question in questions]}
        decisions = connection.execute(query("decisions"), asked)
        found = ask(connection, embeddings, model, _ENOUGH, plan)
    nearest, said = collected(found, len(questions)), _said(decisions.fetchall())
    if deeper := max((len(what.rejected) for what in said.values()), default=0):
        nearest = nearest_users(connection, embeddings, model, _ENOUGH + deeper)
    answers = [said.get(question.photo_id, NOTHING_SAID) for question in questions]
    for index, candidate in _confirmed(connection, embeddings, answers, model):
        nearest[index] = [candidate, *nearest[index]]
    return list(zip(nearest, answers, strict=True))


def _said(rows: Sequence[TupleRow]) -> dict[UUID, Said]:
    said: dict[UUID, Said] = {}
    for photo_id, user_id, decision in rows:
        before = said.get(photo_id, NOTHING_SAID)
        said[photo_id] = (
            Said(user_id, before.rejected)
            if decision == "confirmed"
            else Said(before.confirmed, before.rejected | {user_id})
        )
    return said


def _confirmed(
    connection: Connection, embeddings: Sequence[Embedding], said: Sequence[Said], model: str
) -> Iterator[tuple[int, Candidate]]:
    """Those who were confirmed, however far they are, with the place of their face."""
    wanted = [(i, what.confirmed) for i, what in enumerate(said) if what.confirmed]
    if wanted:
        parameters = {
            "embeddings": [embeddings[index] for index, _ in wanted],
            "user_ids": [user_id for _, user_id in wanted],
            "model": model,
        }
        for face, user_id, distance in connection.execute(query("confirmed_users"), parameters):
            yield wanted[face][0], Candidate(user_id, distance)
