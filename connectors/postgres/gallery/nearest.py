"""One search for the users nearest to each of some faces, by memory or in the database alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow

from connectors.postgres.gallery.memory import GalleryMemory
from connectors.postgres.gallery.search import (
    ask,
    ask_fellows,
    ask_members,
    collected,
    current_plan,
)
from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query
from dataflow.faces.face import Embedding
from dataflow.gallery.remembered import Remembered, Scope
from dataflow.gallery.search import Plan
from dataflow.steps.matching import Candidate

Places: TypeAlias = list[int]
"""Where some faces stand among all."""

Asked: TypeAlias = list[tuple[Places, psycopg.Cursor[TupleRow]]]

_VOID = -1
"""The face of the one row that comes where a memory does not hold."""

_EXACT = Plan(0)
"""Everybody is compared, where a memory is of no use."""


@dataclass(frozen=True, slots=True)
class Nearest:
    """Faces, each with its galleries, or none for everybody; and how the users are searched."""

    connection: Connection
    embeddings: Sequence[Embedding]
    scopes: Sequence[Scope]
    model: str
    plan: Plan

    def found(self, count: int) -> list[list[Candidate]]:
        """The ``count`` nearest users of each face, the nearest first."""
        return self.collected(self.ask(count), count)

    def ask(self, count: int) -> Asked:
        """Ask for them; the answers need not be there yet."""
        everyone = list(range(len(self.embeddings)))
        if not everyone or not self.plan.remembered:
            return self._ask_all(everyone, self.plan, count)
        shortlists = self.plan.remembered.shortlists(self.embeddings, self.scopes, count)
        short = [(face, users) for face, users in enumerate(shortlists) if users is not None]
        asked = self._ask_remembered(self.plan.remembered, short, count) if short else []
        long = [face for face, users in enumerate(shortlists) if users is None]
        return asked + self._ask_all(long, _EXACT, count)

    def collected(self, asked: Asked, count: int) -> list[list[Candidate]]:
        """The answers, face by face; what a memory could not tell is asked for again."""
        nearest: list[list[Candidate]] = [[] for _ in self.embeddings]
        void: Places = []
        for places, cursor in asked:
            rows = cursor.fetchall()
            if rows and rows[0][0] == _VOID:
                void += places
                continue
            for place, users in zip(places, collected(rows, len(places)), strict=True):
                nearest[place] = users
        if void:
            again = self.collected(self._ask_all(void, _EXACT, count), count)
            for place in void:
                nearest[place] = again[place]
        return nearest

    def _ask_remembered(
        self, remembered: Remembered, short: Sequence[tuple[int, list[UUID]]], count: int
    ) -> Asked:
        places = [place for place, _ in short]
        asked = {
            "embeddings": [self.embeddings[place] for place in places],
            "galleries": [" ".join(sorted(self.scopes[place])) or None for place in places],
            "faces": [face for face, (_, users) in enumerate(short) for _ in users],
            "user_ids": [user_id for _, users in short for user_id in users],
            "snapshot": remembered.snapshot,
            "watch": remembered.watch,
            "most_changed": remembered.most_changed,
            "model": self.model,
            "count": count,
        }
        return [(places, self.connection.execute(query("nearest_remembered"), asked))]

    def _ask_all(self, places: Places, plan: Plan, count: int) -> Asked:
        asked: Asked = []
        if everywhere := [place for place in places if not self.scopes[place]]:
            vectors = [self.embeddings[place] for place in everywhere]
            asked.append((everywhere, ask(self.connection, vectors, self.model, count, plan)))
        if inside := [place for place in places if len(self.scopes[place]) == 1]:
            vectors = [self.embeddings[place] for place in inside]
            names = [next(iter(self.scopes[place])) for place in inside]
            answers = ask_members(self.connection, vectors, names, self.model, count)
            asked += [([inside[place] for place in mine], rows) for mine, rows in answers]
        if several := [place for place in places if len(self.scopes[place]) > 1]:
            vectors = [self.embeddings[place] for place in several]
            scopes = [self.scopes[place] for place in several]
            rows = ask_fellows(self.connection, vectors, scopes, self.model, count)
            asked.append((several, rows))
        return asked


def nearest_fellows(  # noqa: PLR0913 - a face, where it is sought, and by what
    connection: Connection,
    embeddings: Sequence[Embedding],
    galleries: Sequence[Scope],
    model: str,
    count: int,
    memory: GalleryMemory | None = None,
) -> list[list[Candidate]]:
    """The nearest users of that model for each vector, in any of its galleries or among all."""
    if not embeddings:
        return []
    plan = _EXACT
    if memory or not all(galleries):
        plan = current_plan(connection, model, embeddings[0].size, memory)
    return Nearest(connection, embeddings, galleries, model, plan).found(count)
