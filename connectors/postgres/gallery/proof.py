"""What the search finds, measured: the nearest user of made-up faces against all users' vectors."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from connectors.postgres.gallery.search import ask, collected, use
from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query
from dataflow.faces.face import Embedding
from dataflow.gallery.intervals import wilson
from dataflow.gallery.made_up import Vectors, disturbed
from dataflow.gallery.search import TARGET_RECALL, Plan
from dataflow.settings import WorkerSettings
from dataflow.steps.matching import Candidate

Search = Callable[[Sequence[Embedding]], list[list[Candidate]]]
"""Looks for the users nearest to each of some faces."""

BATCH = WorkerSettings().batch
"""Faces searched at a time, as the worker does by default."""

_ROWS = 5_000
_SEED = 20_261_124
_SAME_DISTANCE = 1e-5


@dataclass(frozen=True, slots=True)
class Sample:
    """Made-up faces, and for each the true nearest user and the cosine distance to them."""

    model: str
    faces: Vectors
    users: list[UUID]
    distances: NDArray[np.float32]
    gallery: int


@dataclass(frozen=True, slots=True)
class Measured:
    """How many of the faces' nearest users were found, and the wall time per face of each batch."""

    found: int
    faces: int
    times_ms: NDArray[np.float64]

    @property
    def recall(self) -> float:
        """The share of the nearest users that was found."""
        return self.found / self.faces if self.faces else 1.0

    @property
    def falls_short(self) -> bool:
        """Whether it finds too few, beyond what the sample's luck can explain."""
        return wilson(self.found, self.faces)[1] < TARGET_RECALL

    @property
    def p50_ms(self) -> float:
        """The median time per face."""
        return float(np.median(self.times_ms)) if len(self.times_ms) else 0.0


def draw_sample(connection: Connection, model: str, count: int, *, hard: bool = False) -> Sample:
    """Draw users at random, make a face of each, and look through the whole gallery for them.

    A face strays from its user in any direction alike; ``hard`` ones in those in which users differ
    from each other. Reads every vector once, some thousands at a time.
    """
    rows = connection.execute(query("sample_users"), {"model": model, "count": count}).fetchall()
    if not rows:
        return Sample(model, np.empty((0, 0), np.float32), [], np.empty(0, np.float32), 0)
    vectors = np.stack([vector.to_numpy() for _, vector in rows])
    along = vectors if hard else None
    faces = disturbed(vectors, np.random.default_rng(_SEED), along=along)
    best = np.full(len(faces), -np.inf, np.float32)
    users = [user_id for user_id, _ in rows]
    gallery = 0
    with connection.transaction(), connection.cursor("soloface_vectors", binary=True) as cursor:
        cursor.execute(query("user_vectors"), {"model": model})
        while chunk := cursor.fetchmany(_ROWS):
            gallery += len(chunk)
            similarity = faces @ np.stack([vector.to_numpy() for _, vector in chunk]).T
            nearest = similarity.argmax(axis=1)
            value = similarity[np.arange(len(faces)), nearest]
            for face in np.flatnonzero(value > best):
                best[face], users[face] = value[face], chunk[nearest[face]][0]
    return Sample(model, faces, users, np.asarray(1 - best, np.float32), gallery)


def searcher(connection: Connection, model: str, plan: Plan) -> Search:
    """The worker's search by this plan, on a connection that is prepared for it."""
    use(connection, plan)
    return lambda faces: collected(ask(connection, faces, model, 2, plan), len(faces))


def measure(sample: Sample, search: Search) -> Measured:
    """Search for the faces in batches of the worker's size."""
    found = 0
    times = []
    for start in range(0, len(sample.faces), BATCH):
        faces = list(sample.faces[start : start + BATCH])
        begun = time.perf_counter()
        answers = search(faces)
        times.append((time.perf_counter() - begun) * 1000 / len(faces))
        for face, candidates in enumerate(answers, start):
            best = candidates[0] if candidates else None
            # Two users with the same vector are both the nearest.
            found += best is not None and bool(
                best.user_id == sample.users[face]
                or best.distance <= sample.distances[face] + _SAME_DISTANCE
            )
    return Measured(found, len(sample.faces), np.array(times))
