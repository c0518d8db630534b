"""The search for the nearest users, by the way that suits the gallery's size."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString
from weakref import WeakKeyDictionary

import psycopg
import structlog
from psycopg.rows import TupleRow

from connectors.postgres.gallery.memory import GalleryMemory
from connectors.postgres.session import Connection, set_for_session
from connectors.postgres.sql_files import query
from dataflow.faces.face import Embedding
from dataflow.gallery.search import Index, Plan, plan_search
from dataflow.process.metrics import GALLERY_INDEX_DUE, GALLERY_RECALL
from dataflow.steps.matching import Candidate

REVISIT_S = 60.0
"""How long a connection keeps to its plan before it looks at the gallery again."""

CANDIDATES = 64
"""The nearest by an index that are compared exactly; half precision changes few places."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Remembered:
    model: str
    plan: Plan
    until: float


_plans: WeakKeyDictionary[Connection, _Remembered] = WeakKeyDictionary()
_lock = threading.Lock()


def nearest_users(
    connection: Connection,
    embeddings: Sequence[Embedding],
    model: str,
    count: int = 2,
    plan: Plan | None = None,
) -> list[list[Candidate]]:
    """The ``count`` nearest users of that model for each vector, the nearest first.

    Found by an index, the second-nearest may be a user a little farther than the true one.
    ``plan`` is one that the connection was prepared for; without it, a transaction's end would undo
    the preparation.
    """
    if not embeddings:
        return []
    plan = plan or current_plan(connection, model, embeddings[0].size)
    return collected(ask(connection, embeddings, model, count, plan), len(embeddings))


def ask(
    connection: Connection, embeddings: Sequence[Embedding], model: str, count: int, plan: Plan
) -> psycopg.Cursor[TupleRow]:
    """Search by a plan that :func:`use` has prepared the connection for."""
    text, parameters = statement(embeddings, model, count, plan)
    return connection.execute(text, parameters)


def ask_members(
    connection: Connection,
    embeddings: Sequence[Embedding],
    galleries: Sequence[str],
    model: str,
    count: int,
) -> list[tuple[list[int], psycopg.Cursor[TupleRow]]]:
    """Search for each vector among the members of its gallery; that is exact.

    Returns:
        Answers, each with the places of the vectors that it is for.
    """
    places = defaultdict[str, list[int]](list)
    for place, gallery in enumerate(galleries):
        places[gallery].append(place)
    wanted = {"model": model, "count": count}
    found = []
    for gallery, mine in places.items():
        if len(mine) > 1:
            asked = {"embeddings": [embeddings[place] for place in mine], "gallery": gallery}
            together = connection.execute(query("nearest_members_together"), wanted | asked)
            found.append((mine, together))
    if alone := [mine[0] for mine in places.values() if len(mine) == 1]:
        asked = {
            "embeddings": [embeddings[place] for place in alone],
            "galleries": [galleries[place] for place in alone],
        }
        found.append((alone, connection.execute(query("nearest_members"), wanted | asked)))
    return found


def ask_fellows(
    connection: Connection,
    embeddings: Sequence[Embedding],
    galleries: Sequence[Collection[str]],
    model: str,
    count: int,
) -> psycopg.Cursor[TupleRow]:
    """Search for each vector among the members of any of its galleries; that is exact."""
    asked = {
        "embeddings": list(embeddings),
        "galleries": [" ".join(sorted(names)) for names in galleries],
        "model": model,
        "count": count,
    }
    return connection.execute(query("nearest_fellows"), asked)


def collected(rows: Iterable[TupleRow], faces: int) -> list[list[Candidate]]:
    """The answer to :func:`ask` or :func:`ask_members`, face by face."""
    nearest: list[list[Candidate]] = [[] for _ in range(faces)]
    for face, user_id, distance in rows:
        nearest[face].append(Candidate(user_id, distance))
    return nearest


def statement(
    embeddings: Sequence[Embedding], model: str, count: int, plan: Plan
) -> tuple[LiteralString, dict[str, Any]]:
    """The very statement that a plan runs, and its parameters."""
    parameters = {"embeddings": list(embeddings), "model": model, "count": count}
    if plan.breadth is None:
        return query("nearest_users"), parameters
    # A type's length cannot be a parameter.
    text = query("nearest_users_by_index", dimension=embeddings[0].size)
    return text, {**parameters, "candidates": max(CANDIDATES, count)}


def current_plan(
    connection: Connection, model: str, dimension: int, memory: GalleryMemory | None = None
) -> Plan:
    """By memory, where the users are in it.

    Else the connection's plan, made again every minute: the gallery grows while the worker runs.
    """
    with _lock:
        before = _plans.get(connection)
    if memory and (remembered := memory.now):
        if before:
            use(connection, Plan(0))
            GALLERY_RECALL.labels(model).set(1)
            GALLERY_INDEX_DUE.labels(model).set(0)
            with _lock:
                _plans.pop(connection, None)
        return Plan(remembered.crowd.size, remembered=remembered)
    if before and before.model == model and time.monotonic() < before.until:
        return before.plan
    users, index = search_state(connection, dimension)
    plan = plan_search(users, model, dimension, index)
    use(connection, plan)
    GALLERY_RECALL.labels(model).set(plan.recall)
    GALLERY_INDEX_DUE.labels(model).set(plan.is_due)
    if before is None or before.plan.name != plan.name:
        tell = log.warning if plan.objection else log.info
        tell("search_planned", strategy=plan.name, users=plan.users, objection=plan.objection)
    with _lock:
        _plans[connection] = _Remembered(model, plan, time.monotonic() + REVISIT_S)
    return plan


def use(connection: Connection, plan: Plan) -> None:
    """Set what the plan needs of the session."""
    indexed = plan.breadth is not None
    # The planner does not know what a scan of vectors costs; sequential it would never be right.
    settings = {
        "ivfflat.probes": str(plan.breadth or 1),
        "enable_seqscan": "off" if indexed else "on",
    }
    set_for_session(connection, settings)


def search_state(connection: Connection, dimension: int) -> tuple[int, Index | None]:
    """The number of users, as the statistics have it, and the gallery's index."""
    row = connection.execute(query("search_state")).fetchone()
    if row is None:
        return 0, None
    rows, analysed_pages, pages, *index = row
    if rows > 0 and analysed_pages > 0:
        users = int(rows / analysed_pages * pages)
    else:  # never analysed, or not since it was empty
        users = pages * _rows_per_page(dimension)
    return users, Index(*index) if index[0] else None


def vector_dimension(connection: Connection) -> int:
    """The length of the vectors that `users` has room for."""
    row = connection.execute(
        "select atttypmod from pg_attribute "
        "where attrelid = to_regclass('users') and attname = 'face_embedding'"
    ).fetchone()
    return int(row[0]) if row else 0


def _rows_per_page(dimension: int) -> int:
    return max(1, 8100 // (4 * dimension + 100))
