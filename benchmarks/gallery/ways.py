"""The ways to search that pgvector offers: what is built for each, and what may be turned."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, LiteralString

import psycopg

from benchmarks.gallery.chosen import INDEX, MEMORY_MB, build_index
from benchmarks.gallery.crowds import MODEL, Crowd
from benchmarks.gallery.database import Gallery
from connectors.postgres.gallery.proof import Search
from connectors.postgres.gallery.search import CANDIDATES, collected
from connectors.postgres.sql_files import query
from dataflow.faces.face import Embedding
from dataflow.gallery.search import breadths, list_count
from dataflow.steps.matching import Candidate

GRAPH_PROCESSES = 2
"""How many processes build a graph; soloface's lists are built by one."""

Build = Callable[[Gallery, float], None]
"""Builds what a way needs; raises `TimeoutError` when that takes more than so many seconds."""

OTHER = "other_search"
"""What is built beside soloface's own index."""

_USUAL, _DENSE = (16, 64), (32, 200)  # a graph's m and ef_construction; pgvector's own, and more
_EF_SEARCH = (40, 100, 200, 400, 1000)
_GRAPH = """
create index other_search on users using hnsw (:expression)
with (m = :m, ef_construction = :ef_construction) where face_embedding is not null
"""
_HALVES = """
create table other_search as
select id, face_embedding::halfvec(:dimension) as half, face_embedding_model as model from users
"""
_NEAREST = """
select faces.ord - 1 as face, nearest.user_id, nearest.distance
from unnest(%(embeddings)b::vector[]) with ordinality as faces (embedding, ord)
cross join lateral (
    select candidates.id as user_id, candidates.face_embedding <=> faces.embedding as distance
    from (:candidates) as candidates
    order by distance
    limit %(count)s
) as nearest
order by faces.ord, nearest.distance
"""
_BY_HALVES = """
select users.id, users.face_embedding
from (
    select id from other_search where model = %(model)s
    order by half <=> faces.embedding::halfvec(:dimension) limit %(candidates)s
) as halves
join users using (id)
"""
_BY_SIGNS = """
select users.id, users.face_embedding from users
where users.face_embedding is not null and users.face_embedding_model = %(model)s
order by
    binary_quantize(users.face_embedding)::bit(:dimension)
    <~> binary_quantize(faces.embedding)::bit(:dimension)
limit %(candidates)s
"""
_SETTINGS = """
select set_config(name, value, %s) from unnest(%s::text[], %s::text[]) as settings (name, value)
"""


class Made(StrEnum):
    """What a way to search needs beside the users."""

    NOTHING = "nothing"
    TABLE = "table"
    INDEX = "index"


@dataclass(frozen=True, slots=True)
class Way:
    """One way to search.

    ``build`` makes ``relation``; ``efforts`` are the values of ``knob`` that are tried, the
    cheapest first, as ``setting`` words them. As many ``candidates`` are compared exactly in the
    end, or as many as the effort says if that is ``None``.
    """

    name: str
    statement: LiteralString
    made: Made = Made.NOTHING
    build: Build | None = None
    relation: str = OTHER
    knob: str | None = None
    efforts: Sequence[int] = (0,)
    setting: str = "everybody"
    candidates: int | None = CANDIDATES

    @property
    def is_exact(self) -> bool:
        """Whether every user is compared."""
        return self.knob is None

    def searcher(self, gallery: Gallery, effort: int) -> Search:
        """The search with this effort, on a connection that is prepared for it."""
        connection = gallery.connection
        # The planner does not know what a scan of vectors costs.
        values = dict.fromkeys(("enable_seqscan", "enable_sort"), "on" if self.is_exact else "off")
        if self.knob:
            values[self.knob] = str(effort)
        connection.execute(_SETTINGS, [False, list(values), list(values.values())])
        connection.execute("discard plans")  # those that were made with other settings

        def search(faces: Sequence[Embedding]) -> list[list[Candidate]]:
            asked = self._asked(faces, effort)
            return collected(connection.execute(self.statement, asked), len(faces))

        return search

    def is_used(self, gallery: Gallery, face: Embedding, effort: int) -> bool:
        """Whether PostgreSQL really searches this way, once :meth:`searcher` has prepared it."""
        wanted = {
            Made.NOTHING: "Seq Scan on users",
            Made.TABLE: f"Seq Scan on {self.relation}",
            Made.INDEX: f"Index Scan using {self.relation}",
        }[self.made]
        explain = b"explain " + self.statement.encode()
        rows = gallery.connection.execute(explain, self._asked([face], effort))
        return any(wanted in row[0] for row in rows)

    def drop(self, gallery: Gallery) -> None:
        """Remove what was built."""
        if self.made is not Made.NOTHING:
            statement = f"drop {self.made} if exists {self.relation}"
            gallery.connection.execute(statement.encode())

    def _asked(self, faces: Sequence[Embedding], effort: int) -> dict[str, Any]:
        return {
            "embeddings": list(faces),
            "model": MODEL,
            "count": 2,
            "candidates": self.candidates or effort,
        }


def ways(crowd: Crowd) -> Iterator[Way]:
    """All of them: exact ones, graphs (HNSW), and lists (IVFFlat) as soloface makes them."""
    length = crowd.dimension
    vectors = "face_embedding vector_cosine_ops"
    halves = f"(face_embedding::halfvec({length})) halfvec_cosine_ops"
    signs = f"(binary_quantize(face_embedding)::bit({length})) bit_hamming_ops"
    lists = list_count(crowd.users, length, MEMORY_MB)
    by_half_index = query("nearest_users_by_index", dimension=length)
    yield Way("exact", query("nearest_users"))
    yield Way(
        "exact, halfvec",
        _filled(_NEAREST, candidates=_BY_HALVES, dimension=length),
        Made.TABLE,
        _halves,
    )
    yield _graph("HNSW, vector", query("nearest_users"), vectors, _USUAL)
    yield _graph("HNSW, halfvec", by_half_index, halves, _DENSE)
    by_signs = _filled(_NEAREST, candidates=_BY_SIGNS, dimension=length)
    yield replace(_graph("HNSW, signs", by_signs, signs, _DENSE), candidates=None)
    yield Way(
        "IVFFlat, halfvec",
        by_half_index,
        Made.INDEX,
        _lists,
        relation=INDEX,
        knob="ivfflat.probes",
        efforts=breadths(lists),
        setting=f"{{}} of {lists} lists",
    )


def _graph(name: str, statement: LiteralString, expression: str, size: tuple[int, int]) -> Way:
    m, ef_construction = size
    text = _filled(_GRAPH, expression=expression, ef_construction=ef_construction, m=m)

    def build(gallery: Gallery, limit_s: float) -> None:
        crowd = gallery.crowd
        memory_mb = 64 + crowd.users * (4 * crowd.dimension + 40 * m + 1000) // 2**20
        settings = {
            "maintenance_work_mem": f"{memory_mb}MB",
            "max_parallel_maintenance_workers": str(GRAPH_PROCESSES - 1),
        }
        _within(gallery, limit_s, text, settings)

    return Way(
        f"{name}, {m}, {ef_construction}",
        statement,
        Made.INDEX,
        build,
        knob="hnsw.ef_search",
        efforts=_EF_SEARCH,
        setting="ef_search {}",
    )


def _halves(gallery: Gallery, limit_s: float) -> None:
    _within(gallery, limit_s, _filled(_HALVES, dimension=gallery.crowd.dimension), {})
    gallery.connection.execute("vacuum analyze other_search")


def _lists(gallery: Gallery, limit_s: float) -> None:
    deadline = time.monotonic() + limit_s

    def look_at_the_clock(_phase: str, _share: float) -> None:
        if time.monotonic() > deadline:
            raise TimeoutError

    build_index(gallery, look_at_the_clock)


def _within(
    gallery: Gallery, limit_s: float, statement: LiteralString, settings: Mapping[str, str]
) -> None:
    values = {"statement_timeout": f"{limit_s * 1000:.0f}", **settings}
    try:
        with gallery.connection.transaction():
            gallery.connection.execute(_SETTINGS, [True, list(values), list(values.values())])
            gallery.connection.execute(statement)
    except psycopg.errors.QueryCanceled:
        raise TimeoutError from None


def _filled(text: LiteralString, **values: str | int) -> LiteralString:
    """SQL with a value for each `:name`; types and lengths cannot be parameters."""
    for name, value in values.items():
        text = text.replace(f":{name}", str(value))
    return text
