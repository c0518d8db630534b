"""The search by a memory of the gallery, as a worker keeps one."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from benchmarks.gallery.crowds import MODEL
from benchmarks.gallery.database import Gallery
from benchmarks.gallery.line import Built
from connectors.postgres.gallery.nearest import Nearest
from connectors.postgres.gallery.proof import Search
from connectors.postgres.gallery.reading import BYTES_BESIDE, read
from connectors.postgres.session import Connection
from dataflow.faces.face import Embedding
from dataflow.gallery.remembered import Remembered, Scope
from dataflow.gallery.search import Plan
from dataflow.steps.matching import Candidate

EVERYBODY: Scope = frozenset()

ScopeOf = Callable[[Embedding], Scope]
"""The galleries in which a face is sought."""


def remembered(gallery: Gallery) -> tuple[Remembered, Built]:
    """Read the users into memory, and say what that took of both; the CPU is this process's."""
    crowd = gallery.crowd
    begun, before = time.perf_counter(), time.process_time()
    memory = read(gallery.connection, MODEL, crowd.dimension, crowd.users)
    took_s, used_s = time.perf_counter() - begun, time.process_time() - before
    return memory.now, Built(took_s, used_s, crowd.users * (crowd.dimension + BYTES_BESIDE) / 2**20)


def searcher(
    connection: Connection, memory: Remembered, scope_of: ScopeOf = lambda _face: EVERYBODY
) -> Search:
    """The search, each face in its galleries or among everybody."""
    plan = Plan(memory.crowd.size, remembered=memory)

    def search(faces: Sequence[Embedding]) -> list[list[Candidate]]:
        scopes = [scope_of(face) for face in faces]
        return Nearest(connection, faces, scopes, MODEL, plan).found(2)

    return search
