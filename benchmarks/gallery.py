"""How well and how fast the nearest user is found: the exact search beside what soloface chooses.

    python -m benchmarks.gallery --sizes 10k,100k,300k --dimension 512

For each size a gallery is made up, loaded into a PostgreSQL of its own, indexed by the code behind
``soloface gallery index`` if soloface would want that, and searched by the statement that the sink
runs, in batches of its size. Two kinds of gallery can be made up:

* ``grouped`` (the default): users spread over 160 directions of the space, in 200 groups that
  resemble each other, which is how recognisers' vectors lie: in far fewer directions than they have
  numbers.
* ``isotropic``: users spread over all directions alike, the worst case for any index.

In both, a face is at a cosine similarity of 0.5 to 0.7 to its user, drawn evenly, and in a direction
from it that is random over the whole space; the greatest similarity of a face to anybody else is
printed, for it to be seen below 0.45.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from uuid import UUID

import numpy as np
import psycopg
from pydantic import SecretStr

from connectors.embedded import PostgresServer
from connectors.postgres.connection import Database
from connectors.postgres.gallery_index import build, prove
from connectors.postgres.gallery_proof import Measured, Probes, draw_probes, measure
from connectors.postgres.migrate import migrate
from connectors.postgres.search import Connection, search_state
from dataflow.gallery_search import TARGET_RECALL, Plan, plan_search
from dataflow.intervals import wilson
from dataflow.probes import Vectors, unit
from dataflow.settings import DatabaseSettings

MODEL = "made-up-0123456789ab"
_LATENT, _GROUPS, _GROUP_SPREAD = 160, 200, 0.35
_COPIED = 10_000
_EXACT_PROBES = 24
_MEMORY_SHARE = 4


@dataclass(frozen=True, slots=True)
class Line:
    """What one way of searching came to. Times are per face; CPU is the database's."""

    strategy: str
    ef_search: int | None
    recall: float
    recall_low: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float


@dataclass(frozen=True, slots=True)
class Result:
    """One size. ``impostor`` is the greatest similarity of a probe to anybody but its user."""

    users: int
    dimension: int
    kind: str
    impostor: float
    load_s: float
    build_s: float | None
    build_cpu_s: float | None
    index_mb: float | None
    exact: Line
    chosen: Line


def made_up(kind: str, count: int, dimension: int, rng: np.random.Generator) -> Iterator[Vectors]:
    """A gallery, some thousands of users at a time."""
    latent = min(_LATENT, dimension)
    basis = np.linalg.qr(rng.standard_normal((dimension, latent)))[0].T.astype(np.float32)
    groups = rng.standard_normal((_GROUPS, latent), dtype=np.float32)
    for start in range(0, count, _COPIED):
        size = min(_COPIED, count - start)
        if kind == "isotropic":
            yield unit(rng.standard_normal((size, dimension), dtype=np.float32))
        else:
            own = rng.standard_normal((size, latent), dtype=np.float32)
            shared = groups[rng.integers(_GROUPS, size=size)]
            yield unit(np.asarray((own + _GROUP_SPREAD * shared) @ basis, np.float32))


def load(connection: Connection, chunks: Iterator[Vectors]) -> None:
    """Enrol them, as quickly as PostgreSQL takes them."""
    number = 0
    statement = (
        "copy users (id, face_embedding, face_embedding_model) from stdin (format binary)"
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["uuid", "vector", "text"])
        for chunk in chunks:
            for vector in chunk:
                number += 1
                copy.write_row((UUID(int=number), vector, MODEL))
    connection.execute("vacuum analyze users")


def cpu_s(connection: Connection) -> float:
    """CPU seconds that the connection's server process has used."""
    with open(f"/proc/{connection.info.backend_pid}/stat", encoding="ascii") as file:  # noqa: PTH123
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def line(connection: Connection, probes: Probes, plan: Plan) -> Line:
    """Search for the probes by one plan."""
    measure(connection, first(probes, 8), plan)  # as prepared and as warm as in a worker at work
    begun = cpu_s(connection)
    measured = measure(connection, probes, plan)
    used = cpu_s(connection) - begun
    return as_line(measured, used)


def as_line(measured: Measured, used_s: float) -> Line:
    """A measurement as it is printed."""
    p50, p99 = np.percentile(measured.times_ms, [50, 99])
    return Line(
        measured.plan.name,
        measured.plan.ef_search,
        measured.recall,
        wilson(measured.found, measured.probes)[0],
        float(p50),
        float(p99),
        used_s * 1000 / max(1, measured.probes),
    )


def first(probes: Probes, count: int) -> Probes:
    """Some of the probes."""
    return Probes(
        probes.model,
        probes.faces[:count],
        probes.users[:count],
        probes.distances[:count],
        probes.gallery,
    )


def impostor(connection: Connection, probes: Probes) -> float:
    """The greatest similarity of some probes to anybody but their user."""
    from connectors.postgres.search import search  # noqa: PLC0415

    sample = first(probes, _EXACT_PROBES)
    answers = search(connection, list(sample.faces), MODEL, 2, Plan(probes.gallery))
    return max(1 - near[1].distance for near in answers)


def run(server: PostgresServer, kind: str, users: int, dimension: int, count: int) -> Result:
    """Measure one size in a database of its own."""
    name = f"gallery_{users}"
    with psycopg.connect(server.dsn, autocommit=True) as admin:
        admin.execute(f"drop database if exists {name}")  # type: ignore[arg-type]
        admin.execute(f"create database {name}")  # type: ignore[arg-type]
    settings = DatabaseSettings(dsn=SecretStr(server.dsn_of(name)), statement_timeout_s=3600)
    migrate(settings, dimension)
    rng = np.random.default_rng(users)
    with closing(Database(settings)) as database, database.connection() as connection:
        # One process, so that its CPU time is all there is.
        connection.execute("set max_parallel_workers_per_gather = 0")
        begun = time.perf_counter()
        load(connection, made_up(kind, users, dimension, rng))
        load_s = time.perf_counter() - begun
        probes = draw_probes(connection, MODEL, count)
        similarity = impostor(connection, probes)
        exact = line(connection, first(probes, _EXACT_PROBES), Plan(users))
        plan = plan_search(*planned(connection, dimension))
        build_s = build_cpu = index_mb = None
        if plan.objection:
            begun, before = time.perf_counter(), server_cpu_s(server)
            build(settings, users, dimension, report_progress)
            build_s, build_cpu = time.perf_counter() - begun, server_cpu_s(server) - before
            prove(connection, draw_probes(connection, MODEL, count), lambda _: None)
            plan = plan_search(*planned(connection, dimension))
            _, index = search_state(connection, dimension)
            index_mb = index.bytes / 2**20 if index else None
        chosen = line(connection, probes, plan)
    return Result(
        users, dimension, kind, similarity, load_s, build_s, build_cpu, index_mb, exact, chosen
    )
