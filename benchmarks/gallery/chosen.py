"""The exact search beside what soloface chooses by itself."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.gallery.crowds import MODEL
from benchmarks.gallery.database import Gallery
from benchmarks.gallery.line import Built, Line, few, line
from benchmarks.gallery.remembering import remembered
from benchmarks.gallery.remembering import searcher as searcher_by
from connectors.postgres.gallery.index import Progress, build, prove
from connectors.postgres.gallery.proof import Sample, searcher
from connectors.postgres.gallery.search import search_state, use
from dataflow.gallery.search import Index, Plan, list_count, plan_search

INDEX = "users_face_search"
MEMORY_MB = 1024
"""What building may take: the default of `soloface gallery index`."""
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Result:
    """One size.

    ``nearest_other`` is the greatest cosine similarity of a face to anybody but its user;
    ``objection`` says why the search is exact although that is dear. ``remembered`` is what reading
    the users into memory took, and the search by that.
    """

    users: int
    nearest_other: float
    load_s: float
    index: Built | None
    exact: Line
    chosen: Line
    objection: str | None
    remembered: tuple[Built, Line] | None = None

    @property
    def is_exact(self) -> bool:
        """Whether soloface chose the exact search."""
        return self.chosen == self.exact


def measured(gallery: Gallery, faces: int, progress: Progress) -> Result:
    """Search exactly, index if soloface would, and search as soloface would."""
    probes = gallery.probes(faces)
    nearest_other = gallery.crowd.nearest_other(probes)
    exact = _line(gallery, few(probes), Plan(gallery.crowd.users), None)
    built = None
    plan, index = planned(gallery)
    if plan.objection:
        built = gallery.built(INDEX, lambda: build_index(gallery, progress))
        _, index = planned(gallery)
        assert index  # noqa: S101 - it was just built
        prove(gallery.connection, probes, index, lambda *_: None)
        plan, index = planned(gallery)
        probes = gallery.probes(faces)  # others than it was tuned with
    use(gallery.connection, Plan(gallery.crowd.users))
    memory, read = remembered(gallery)
    by_memory = searcher_by(gallery.connection, memory)
    recalled = line(gallery.connection, probes, "everybody, in memory", by_memory)
    chosen = exact if plan.breadth is None else _line(gallery, probes, plan, index)
    return Result(
        gallery.crowd.users,
        nearest_other,
        gallery.load_s,
        built,
        exact,
        chosen,
        plan.objection,
        (read, recalled),
    )


def build_index(gallery: Gallery, progress: Progress) -> None:
    """What `soloface gallery index` does."""
    crowd = gallery.crowd
    lists = list_count(crowd.users, crowd.dimension, MEMORY_MB)
    build(gallery.settings, lists, crowd.dimension, progress)


def planned(gallery: Gallery) -> tuple[Plan, Index | None]:
    """How the worker would search just now, and the index that it sees."""
    dimension = gallery.crowd.dimension
    users, index = search_state(gallery.connection, dimension)
    return plan_search(users, MODEL, dimension, index), index


def _line(gallery: Gallery, probes: Sample, plan: Plan, index: Index | None) -> Line:
    setting = f"{plan.breadth} of {index.lists} lists" if index and plan.breadth else "everybody"
    return line(gallery.connection, probes, setting, searcher(gallery.connection, MODEL, plan))


def extrapolated(results: Sequence[Result]) -> str | None:
    """What 1,000,000 users would cost if the last two indexed sizes went on as they do."""
    indexed = [(result, result.index) for result in results if result.index and not result.is_exact]
    if len(indexed) < 2:  # noqa: PLR2004 - a line takes two points
        return None
    (before, _), (last, index) = indexed[-2:]
    octaves = math.log(last.users / before.users)
    growth = math.log(last.chosen.cpu_ms / before.chosen.cpu_ms) / octaves
    factor = _MILLION / last.users
    return (
        "Extrapolated to 1,000,000 users, not measured: a search costs "
        f"{last.chosen.cpu_ms * factor**growth:.0f} ms of CPU per face with the index, "
        f"{last.exact.cpu_ms * factor:.0f} ms without; the index has {index.mb * factor:.0f} MB "
        f"and takes {index.cpu_s * factor / 60:.0f} minutes of CPU to build."
    )
