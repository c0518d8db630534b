"""One search for the users nearest to each of some faces, by memory or in the database alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

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
from dataflow.gallery.remembered import Remembered, Scope, Shortlisted
from dataflow.gallery.search import Plan
from dataflow.steps.matching import Candidate

Places: TypeAlias = list[int]
"""Where some faces stand among all."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes for some faces; by a memory, for each by which shortlist."""

    places: Places
    cursor: psycopg.Cursor[TupleRow]
    shortlists: Mapping[int, Shortlisted] | None = None


Asked: TypeAlias = list[Answer]

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
        short = {face: one for face, one in enumerate(shortlists) if one is not None}
        asked = [self._ask_remembered(self.plan.remembered, short, count)] if short else []
        return asked + self._ask_all([i for i in everyone if i not in short], _EXACT, count)

    def collected(self, asked: Asked, count: int) -> list[list[Candidate]]:
        """The answers, face by face; what a memory could not tell is asked for again."""
        nearest: list[list[Candidate]] = [[] for _ in self.embeddings]
        untold: Places = []
        for one in asked:
            rows = one.cursor.fetchall()
            if rows and rows[0][0] == _VOID:
                untold += one.places
                continue
            for place, users in zip(one.places, collected(rows, len(one.places)), strict=True):
                nearest[place] = users
                if one.shortlists and not one.shortlists[place].settles(users, count):
                    untold.append(place)
        if untold:
            again = self.collected(self._ask_all(untold, _EXACT, count), count)
            for place in untold:
                nearest[place] = again[place]
        return nearest

    def _ask_remembered(
        self, remembered: Remembered, short: Mapping[int, Shortlisted], count: int
    ) -> Answer:
        places = list(short)
        asked = {
            "embeddings": [self.embeddings[place] for place in places],
            "galleries": [" ".join(sorted(self.scopes[place])) or None for place in places],
            "faces": [face for face, one in enumerate(short.values()) for _ in one.users],
            "user_ids": [user_id for one in short.values() for user_id in one.users],
            "snapshot": remembered.snapshot,
            "watch": remembered.watch,
            "most_changed": remembered.most_changed,
            "model": self.model,
            "count": count,
        }
        cursor = self.connection.execute(query("nearest_remembered"), asked)
        return Answer(places, cursor, short)

    def _ask_all(self, places: Places, plan: Plan, count: int) -> Asked:
        asked: Asked = []
        if everywhere := [place for place in places if not self.scopes[place]]:
            vectors = [self.embeddings[place] for place in everywhere]
            rows = ask(self.connection, vectors, self.model, count, plan)
            asked.append(Answer(everywhere, rows))
        if inside := [place for place in places if len(self.scopes[place]) == 1]:
            vectors = [self.embeddings[place] for place in inside]
            names = [next(iter(self.scopes[place])) for place in inside]
            answers = ask_members(self.connection, vectors, names, self.model, count)
            asked += [Answer([inside[place] for place in mine], rows) for mine, rows in answers]
        if several := [place for place in places if len(self.scopes[place]) > 1]:
            vectors = [self.embeddings[place] for place in several]
            scopes = [self.scopes[place] for place in several]
            rows = ask_fellows(self.connection, vectors, scopes, self.model, count)
            asked.append(Answer(several, rows))
        return asked


def nearest_fellows(  # noqa: PLR0913, PLR0917 - a face, where it is sought, and by what
    connection: Connection,
    embeddings: Sequence[Embedding],
    galleries: Sequence[Scope],
    model: str,
    count: int,
    memory: GalleryMemory | None = None,
    *,
    gallery_required: bool = False,
    plan: Plan | None = None,
) -> list[list[Candidate]]:
    """The nearest users of that model for each vector, in any of its galleries.

    A vector without one has the nearest of all; with ``gallery_required`` it has none. ``plan`` is
    one that the connection was prepared for; without it, a transaction's end would undo the
    preparation.
    """
    nearest: list[list[Candidate]] = [[] for _ in embeddings]
    places = [i for i, names in enumerate(galleries) if names or not gallery_required]
    if places:
        vectors, scopes = [embeddings[i] for i in places], [galleries[i] for i in places]
        if plan is None and (memory or not all(scopes)):
            plan = current_plan(connection, model, vectors[0].size, memory)
        found = Nearest(connection, vectors, scopes, model, plan or _EXACT).found(count)
        for place, users in zip(places, found, strict=True):
            nearest[place] = users
    return nearest
