"""Every way to search beside each other: what it takes to build, and what to find enough."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import psycopg

from benchmarks.gallery.database import Gallery
from benchmarks.gallery.line import Built, Line, few, line
from benchmarks.gallery.ways import Way, ways
from connectors.postgres.connection import explain
from connectors.postgres.gallery.proof import Sample
from dataflow.gallery.search import TARGET_RECALL
from dataflow.jobs.errors import ConfigurationError

Tell = Callable[[str], None]
"""Is told what is being done."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One way: with the least effort that finds enough, or else with the greatest.

    ``missing`` says why there is no ``line``.
    """

    name: str
    built: Built | None = None
    line: Line | None = None
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """One size."""

    users: int
    nearest_other: float
    lines: list[Compared]


def compared(gallery: Gallery, faces: int, limit_s: float, tell: Tell) -> Comparison:
    """Build and search in every way, one after another, with the same faces."""
    probes = gallery.probes(faces)
    found = []
    for way in ways(gallery.crowd):
        tell(way.name)
        try:
            found.append(_tried(way, gallery, probes, limit_s))
        finally:
            way.drop(gallery)
    return Comparison(gallery.crowd.users, gallery.crowd.nearest_other(probes), found)


def _tried(way: Way, gallery: Gallery, probes: Sample, limit_s: float) -> Compared:
    built = None
    if build := way.build:
        try:
            built = gallery.built(way.relation, lambda: build(gallery, limit_s))
        except TimeoutError:
            return Compared(way.name, missing=f"not built in {limit_s:g} s")
        except (psycopg.Error, ConfigurationError) as error:
            why = explain(error) if isinstance(error, psycopg.Error) else error
            return Compared(way.name, missing=f"not built: {why}")
    if way.is_exact:
        probes = few(probes)
    found = _least(way, gallery, probes)
    return Compared(
        way.name, built, found, None if found else "PostgreSQL does not search this way"
    )


def _least(way: Way, gallery: Gallery, probes: Sample) -> Line | None:
    """The search with the least effort that finds enough, or else with the greatest possible."""
    found = None
    for effort in way.efforts:
        search = way.searcher(gallery, effort)
        if not way.is_used(gallery, probes.faces[0], effort):
            break
        found = line(gallery.connection, probes, way.setting.format(effort), search)
        if found.recall >= TARGET_RECALL:
            break
    return found
