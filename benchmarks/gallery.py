"""How well and how fast the nearest user is found: the exact search beside what soloface chooses.

    python -m benchmarks.gallery --sizes 10k,100k,300k --dimension 512

For each size a gallery is made up, loaded into a PostgreSQL of its own, indexed by the code behind
``soloface gallery index`` if soloface would want that, and searched by the statement that the sink
runs, in batches of its size. A face is at a cosine similarity of 0.5 to 0.7 to its user, drawn
evenly, and in a direction from it that is random over the whole space; the greatest similarity of a
face to anybody else is printed, for it to be seen below 0.45. The server has 1 GB of shared buffers
and searches with one process. See ``benchmarks.crowds`` for the kinds of gallery.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import psycopg
from psycopg import sql
from pydantic import SecretStr

from benchmarks.crowds import KINDS, MODEL, load, made_up
from connectors.embedded import PostgresServer
from connectors.postgres.connection import Database
from connectors.postgres.gallery_index import build, prove
from connectors.postgres.gallery_proof import Measured, Sample, draw_sample, measure
from connectors.postgres.migrate import migrate
from connectors.postgres.search import Connection, ask, collected, search_state
from dataflow.gallery_search import TARGET_RECALL, Plan, list_count, plan_search
from dataflow.intervals import wilson
from dataflow.settings import DatabaseSettings

_EXACT_PROBES = 24


@dataclass(frozen=True, slots=True)
class Line:
    """What one way of searching came to. Times are per face; CPU is the database's."""

    strategy: str
    breadth: int | None
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


def cpu_s(process_id: int, *, with_children: bool = False) -> float:
    """CPU seconds that a process has used, and its children, also those that have ended."""
    process = Path(f"/proc/{process_id}")
    fields = (process / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
    ticks = sum(map(int, fields[11 : 15 if with_children else 13]))
    used = ticks / os.sysconf("SC_CLK_TCK")
    if with_children:
        children = (process / f"task/{process_id}/children").read_text(encoding="ascii").split()
        for child in children:
            with suppress(FileNotFoundError):  # it has just ended
                used += cpu_s(int(child))
    return used


def line(connection: Connection, probes: Sample, plan: Plan) -> Line:
    """Search for the probes by one plan."""
    measure(connection, first(probes, 8), plan)  # as prepared and as warm as in a worker at work
    begun = cpu_s(connection.info.backend_pid)
    measured = measure(connection, probes, plan)
    used = cpu_s(connection.info.backend_pid) - begun
    return as_line(measured, used)


def as_line(measured: Measured, used_s: float) -> Line:
    """A measurement as it is printed."""
    p50, p99 = np.percentile(measured.times_ms, [50, 99])
    return Line(
        measured.plan.name,
        measured.plan.breadth,
        measured.recall,
        wilson(measured.found, measured.faces)[0],
        float(p50),
        float(p99),
        used_s * 1000 / max(1, measured.faces),
    )


def first(probes: Sample, count: int) -> Sample:
    """Some of the probes."""
    return Sample(
        probes.model,
        probes.faces[:count],
        probes.users[:count],
        probes.distances[:count],
        probes.gallery,
    )


def impostor(connection: Connection, probes: Sample) -> float:
    """The greatest similarity of some probes to anybody but their user."""
    sample = first(probes, _EXACT_PROBES)
    found = ask(connection, list(sample.faces), MODEL, 2, Plan(probes.gallery))
    answers = collected(found, len(sample.faces))
    return max(1 - near[1].distance for near in answers)


def measured(server: PostgresServer, kind: str, users: int, dimension: int, count: int) -> Result:
    """Measure one size in a database of its own."""
    name = sql.Identifier(database_name := f"gallery_{users}")
    with psycopg.connect(server.dsn, autocommit=True) as admin:
        admin.execute(sql.SQL("create database {}").format(name))
        settings = DatabaseSettings(
            dsn=SecretStr(server.dsn_of(database_name)), statement_timeout_s=3600
        )
        try:
            migrate(settings, dimension)
            with closing(Database(settings)) as database, database.connection() as connection:
                return measured_in(settings, connection, server, (kind, users, dimension, count))
        finally:
            admin.execute(sql.SQL("drop database {} with (force)").format(name))


def measured_in(
    settings: DatabaseSettings,
    connection: Connection,
    server: PostgresServer,
    case: tuple[str, int, int, int],
) -> Result:
    """Load, search exactly, index if soloface would, and search as soloface would."""
    kind, users, dimension, count = case
    # One process, so that its CPU time is all there is.
    connection.execute("set max_parallel_workers_per_gather = 0")
    begun = time.perf_counter()
    load(connection, made_up(kind, users, dimension, np.random.default_rng(users)))
    load_s = time.perf_counter() - begun
    probes = draw_sample(connection, MODEL, count)
    exact = line(connection, first(probes, _EXACT_PROBES), Plan(users))
    similarity = impostor(connection, probes)
    build_s = build_cpu_s = index_mb = None
    known, index = search_state(connection, dimension)
    if plan_search(known, MODEL, dimension, index).objection:
        begun, before = time.perf_counter(), cpu_s(process(server), with_children=True)
        build(settings, list_count(users, dimension, 1024), dimension, tell)
        build_s = time.perf_counter() - begun
        build_cpu_s = cpu_s(process(server), with_children=True) - before
        _, index = search_state(connection, dimension)
        assert index is not None  # noqa: S101 - it was just built
        index_mb = index.bytes / 2**20
        prove(connection, probes, index, lambda _: None)
        # Others than it was tuned with.
        probes = draw_sample(connection, MODEL, count)
        known, index = search_state(connection, dimension)
    chosen = line(connection, probes, plan_search(known, MODEL, dimension, index))
    return Result(
        users,
        dimension,
        kind,
        similarity,
        load_s,
        build_s,
        build_cpu_s,
        index_mb,
        exact,
        chosen,
    )


def process(server: PostgresServer) -> int:
    """The server's first process."""
    assert server.process_id is not None  # noqa: S101 - it runs
    return server.process_id


def tell(phase: str, share: float) -> None:
    """Show how far the build is, where somebody watches."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{phase} {share:4.0%}")


def size(text: str) -> int:
    """`300k` or `1M` as a number."""
    units = {"k": 1_000, "m": 1_000_000}
    unit_of = units.get(text[-1:].lower())
    return int(float(text[:-1]) * unit_of) if unit_of else int(text)


def table(results: list[Result]) -> Iterator[str]:
    """The results for people, line by line."""
    yield "  users  search lists  recall@1 (95 % from)   p50 ms   p99 ms   CPU ms   per face"
    for result in results:
        for one in (result.exact, result.chosen):
            yield (
                f"{result.users:7}  {one.strategy:6} {one.breadth or '-':>4}   "
                f"{one.recall:7.1%} ({one.recall_low:6.1%})       "
                f"{one.p50_ms:7.2f}  {one.p99_ms:7.2f}  {one.cpu_ms:7.2f}"
            )
        if result.index_mb is not None:
            yield (
                f"         index: {result.index_mb:.0f} MB, built in {result.build_s:.0f} s "
                f"({result.build_cpu_s:.0f} s of CPU)"
            )
        yield f"         nobody else is nearer to a face than {result.impostor:.2f}"
    if (guess := extrapolated(results)) is not None:
        yield guess


def extrapolated(results: list[Result]) -> str | None:
    """What 1,000,000 users would cost if the last two indexed sizes went on as they do."""
    indexed = [r for r in results if r.index_mb is not None and r.build_cpu_s is not None]
    if len(indexed) < 2:  # noqa: PLR2004 - a line takes two points
        return None
    before, last = indexed[-2:]
    octaves = math.log(last.users / before.users)
    growth = math.log(last.chosen.cpu_ms / before.chosen.cpu_ms) / octaves
    factor = 1_000_000 / last.users
    return (
        f"1000000  extrapolated, not measured: {last.chosen.cpu_ms * factor**growth:.0f} ms of CPU "
        f"per face by the index, {last.exact.cpu_ms * factor:.0f} exactly; index "
        f"{(last.index_mb or 0) * factor:.0f} MB, {(last.build_cpu_s or 0) * factor / 60:.0f} min "
        "of CPU to build"
    )


def main() -> None:
    """Run the sizes and print them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", default="10k,100k", help="with commas, as 10k or 1M")
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--kind", choices=KINDS, default="grouped")
    parser.add_argument("--faces", type=int, default=1000)
    parser.add_argument("--json", action="store_true", dest="as_json")
    options = parser.parse_args()
    with PostgresServer() as server:
        with psycopg.connect(server.dsn, autocommit=True) as admin:
            admin.execute("alter system set shared_buffers = '1GB'")
        server.stop()
        server.start()
        results = [
            measured(server, options.kind, users, options.dimension, options.faces)
            for users in map(size, options.sizes.split(","))
        ]
    if options.as_json:
        print(json.dumps([asdict(result) for result in results], indent=2))  # noqa: T201
    else:
        print("\n".join(table(results)))  # noqa: T201
    if any(result.chosen.recall < TARGET_RECALL for result in results):
        sys.exit(1)


if __name__ == "__main__":
    main()
