"""What a photo costs each part, while a worker settles many of them as fast as it can.

The worker reaches the servers over wires that count; what they keep of a photo they are asked
themselves; processor time is from ``/proc``.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import cycle, islice

import numpy as np
import psycopg
from pgvector.psycopg import register_vector

from benchmarks.direction import Direction
from benchmarks.forwarder import Forwarder
from benchmarks.lanes import WorkerLane
from benchmarks.measure import memory_mb, process_cpu_s, tree_cpu_s
from benchmarks.stage import Queue, Site, build_site, environment
from connectors.embedded import Server
from connectors.jetstream.connection import connect
from connectors.postgres.gallery.search import ask
from dataflow.gallery.search import Plan
from dataflow.process.cores import usable_cores
from dataflow.settings import PREFIX, NatsSettings, load_settings

_SEARCHES = 200
_ABSENT = "absent.jpg"
_CONNECTED = """
select count(*) from pg_stat_activity
where datname = current_database() and application_name = 'soloface'
"""
_KEPT = """
select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8,
       (select count(*) from photo_faces) + (select count(*) from face_matches)
           + (select count(*) from face_match_outcomes),
       pg_total_relation_size('photo_faces') + pg_total_relation_size('face_matches')
           + pg_total_relation_size('face_match_outcomes'),
       (select count(distinct xmin::text) from face_match_outcomes)
"""


@dataclass(frozen=True, slots=True)
class WorkerCost:
    """Processor time per photo; resident memory of a process that computes on ``cores``."""

    cpu_ms: float
    rss_mb: float
    cores: int


@dataclass(frozen=True, slots=True)
class JetStreamCost:
    """``publish_cpu_ms`` for taking a job in, ``cpu_ms`` for all that follows.

    ``messages`` and ``wire_bytes`` pass a worker's connection, both ways. The other bytes are what
    the streams keep: of a job until it is settled, of an event, of a dead letter.
    """

    publish_cpu_ms: float
    cpu_ms: float
    messages: float
    wire_bytes: float
    job_bytes: float
    event_bytes: float
    letter_bytes: float


@dataclass(frozen=True, slots=True)
class PostgresCost:
    """Per matched photo, but ``batch``: photos per transaction, and ``connections`` per process.

    ``kept_bytes`` are those of tables and indexes. ``search_cpu_ms`` is what looking for one face
    among ``users`` takes; in ``cpu_ms`` there is no more of it than a few users make.
    """

    cpu_ms: float
    wal_bytes: float
    rows: float
    kept_bytes: float
    wire_bytes: float
    batch: float
    connections: float
    users: int
    search_cpu_ms: float


@dataclass(frozen=True, slots=True)
class StoreCost:
    """Per photo; ``wire_bytes`` are the photo and what is said around it."""

    requests: float
    wire_bytes: float


@dataclass(frozen=True, slots=True)
class UnitCosts:
    """What a photo costs, on the average over ``jobs`` of them."""

    jobs: int
    worker: WorkerCost
    jetstream: JetStreamCost
    postgres: PostgresCost
    store: StoreCost


@dataclass(frozen=True, slots=True)
class Wires:
    """One to each server."""

    nats: Forwarder
    postgres: Forwarder
    store: Forwarder

    def variables(self, site: Site) -> dict[str, str]:
        """The settings, without their prefix, that lead a worker through them."""
        dsn = site.settings.database.dsn.get_secret_value()
        direct = f"@127.0.0.1:{site.servers.postgres.port}/"
        return {
            "NATS__URL": f"nats://{self.nats.address}",
            "DATABASE__DSN": dsn.replace(direct, f"@{self.postgres.address}/"),
            "STORE__ENDPOINT": self.store.address,
        }


@contextmanager
def wired(site: Site) -> Iterator[Wires]:
    """Wires to a site's servers, which count messages where we know how they begin."""
    servers = site.servers
    published, delivered = (b"\r\nPUB ", b"\r\nHPUB "), (b"\r\nMSG ", b"\r\nHMSG ")
    with (
        Forwarder(
            servers.nats.port, requests=Direction(*published), answers=Direction(*delivered)
        ) as to_nats,
        Forwarder(servers.postgres.port) as to_postgres,
        Forwarder(servers.objects.port, requests=Direction(b" HTTP/1.1\r\n")) as to_store,
    ):
        yield Wires(to_nats, to_postgres, to_store)


@dataclass(frozen=True, slots=True)
class Task:
    """``jobs`` that end in a match, ``letters`` more that end as dead letters, and a gallery.

    ``keys`` are of the photos, on each of which is one face. Searched is among ``users``.
    """

    keys: Sequence[str]
    jobs: int
    letters: int
    users: int


def measure(site: Site, task: Task, make: Callable[..., WorkerLane] = WorkerLane) -> UnitCosts:
    """Let a worker, as ``make`` starts it, do the task; nothing else may run on the servers."""
    jobs = task.jobs
    queue = _with_own_events(site).queue()
    dsn = site.settings.database.dsn.get_secret_value()
    with (
        wired(site) as wires,
        psycopg.connect(dsn, autocommit=True) as connection,
        make(queue, task.keys, **wires.variables(site)) as lane,
    ):
        lane.wait_ready()
        lane.round(max(8, jobs // 20))
        idle_s = _cpu_s(site.servers.nats)
        queue.publish(list(islice(cycle(task.keys), jobs)))
        publish_cpu_s = _cpu_s(site.servers.nats) - idle_s
        job_bytes, *_ = _message_bytes(queue)
        before = _reading(site, wires, connection)
        sample = lane.settle(jobs)
        after = _reading(site, wires, connection)
        each = {name: (after[name] - before[name]) / jobs for name in after}
        _, event_bytes, _ = _message_bytes(queue)
        queue.publish([_ABSENT] * task.letters)
        lane.settle(task.letters)
        *_, letter_bytes = _message_bytes(queue)
        processes = [process.pid for process in lane.processes]
        memory = max(map(memory_mb, processes))
        (connections,) = _asked(connection, _CONNECTED)
    return UnitCosts(
        jobs,
        WorkerCost(sample.cpu_ms, memory, site.settings.worker.cores or usable_cores()),
        JetStreamCost(
            publish_cpu_ms=1000 * publish_cpu_s / jobs,
            cpu_ms=1000 * each["nats_cpu_s"],
            messages=each["messages"],
            wire_bytes=each["nats_bytes"],
            job_bytes=job_bytes,
            event_bytes=event_bytes,
            letter_bytes=letter_bytes,
        ),
        PostgresCost(
            cpu_ms=1000 * each["postgres_cpu_s"],
            wal_bytes=each["wal_bytes"],
            rows=each["rows"],
            kept_bytes=each["kept_bytes"],
            wire_bytes=each["postgres_bytes"],
            batch=1 / each["writes"],
            connections=connections / len(processes),
            users=task.users,
            search_cpu_ms=_search_cpu_ms(site, task.users),
        ),
        StoreCost(each["requests"], each["store_bytes"]),
    )


def _with_own_events(site: Site) -> Site:
    """The same site with a stream of events for which no other queue's workers publish."""
    tag = secrets.token_hex(4)
    own = {
        f"{PREFIX}NATS__SETTLED_STREAM": f"SETTLED_{tag}",
        f"{PREFIX}NATS__SETTLED_SUBJECT": f"settled.{tag}",
    }
    return replace(site, variables={**site.variables, **own})


def _reading(site: Site, wires: Wires, connection: psycopg.Connection) -> dict[str, float]:
    """What was used and what is kept, since the servers and the wires were made."""
    used = {
        "nats_cpu_s": _cpu_s(site.servers.nats),
        "postgres_cpu_s": _cpu_s(site.servers.postgres),
        "messages": wires.nats.messages,
        "nats_bytes": wires.nats.bytes,
        "postgres_bytes": wires.postgres.bytes,
        "requests": wires.store.messages,
        "store_bytes": wires.store.bytes,
    }
    wal, rows, kept, writes = _asked(connection, _KEPT)
    return {**used, "wal_bytes": wal, "rows": rows, "kept_bytes": kept, "writes": writes}


def _cpu_s(server: Server) -> float:
    return tree_cpu_s(server.process_id or 0)


def _asked(connection: psycopg.Connection, question: str) -> tuple[float, ...]:
    row = connection.execute(question.encode()).fetchone()
    return tuple(map(float, row or ()))


def _message_bytes(queue: Queue) -> tuple[float, float, float]:
    """What a job, an event and a dead letter of this queue take in their streams; 0 for none."""
    with environment(queue.variables):
        settings = load_settings().nats
    jobs, events, letters = asyncio.run(_bytes_by_stream(settings))
    return jobs, events, letters


async def _bytes_by_stream(nats: NatsSettings) -> list[float]:
    connection = await connect(nats, "benchmark")
    try:
        js = connection.jetstream()
        names = (nats.stream, nats.settled_stream, nats.dead_stream)
        states = [(await js.stream_info(name)).state for name in names]
    finally:
        await connection.close()
    return [state.bytes / max(1, state.messages) for state in states]


def _search_cpu_ms(site: Site, users: int) -> float:
    """Of the exact search in a gallery of so many users, made in batches as the sink makes it."""
    model, batch = site.settings.model, site.settings.worker.batch
    crowded = build_site(site.servers, model.pack, model.root, users).settings
    random = np.random.default_rng(seed=4)
    faces = random.standard_normal((_SEARCHES, model.embedding_dimension)).astype(np.float32)
    with psycopg.connect(crowded.database.dsn.get_secret_value(), autocommit=True) as connection:
        register_vector(connection)
        connection.execute("vacuum analyze users")
        # One process, so that its time is all there is.
        connection.execute("set max_parallel_workers_per_gather = 0")
        row = connection.execute("select min(face_embedding_model) from users").fetchone()
        contract = row[0] if row else ""

        def search() -> None:
            for start in range(0, _SEARCHES, batch):
                some = list(faces[start : start + batch])
                ask(connection, some, contract, 2, Plan(users)).fetchall()

        search()  # as prepared and as warm as in a worker at work
        begun_s = process_cpu_s(connection.info.backend_pid)
        search()
        return 1000 * (process_cpu_s(connection.info.backend_pid) - begun_s) / _SEARCHES
