"""The gallery's index: its making while the worker works, and the proof that it may be used."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
from psycopg import sql

from connectors.postgres.connection import connect, explain
from connectors.postgres.gallery_proof import Measured, Probes, measure
from connectors.postgres.search import Connection
from dataflow.errors import ConfigurationError
from dataflow.gallery_search import AIM_RECALL, BREADTHS, Plan, Proof, by_bits
from dataflow.settings import DatabaseSettings

NAME = "users_face_search"
NEIGHBOURS = 24
"""pgvector's `m`: links per user and level."""
BREADTH_OF_BUILDING = 100
"""pgvector's `ef_construction`."""

Progress = Callable[[float], None]
"""Is told which share is done, in [0, 1]."""

_BEING_BUILT = f"{NAME}_new"
_LOCK = 0x50_1F_AC_E1  # any number, as long as every soloface takes the same
_POLL_S = 0.5
_LEAST_MEMORY_MB = 64
_LINK_BYTES = 24
_PROGRESS = """
select coalesce(tuples_done::float8 / nullif(tuples_total, 0), 0)
from pg_stat_progress_create_index where pid = %s
"""


def definition(dimension: int) -> tuple[str, str]:
    """What is indexed for vectors of this length, and by which operators."""
    if by_bits(dimension):
        return f"(binary_quantize(face_embedding)::bit({dimension}))", "bit_hamming_ops"
    return f"(face_embedding::halfvec({dimension}))", "halfvec_cosine_ops"


def memory_mb(users: int, dimension: int) -> int:
    """What building takes. With less, pgvector goes on on disk, several times as slowly."""
    value = dimension // 8 if by_bits(dimension) else 2 * dimension
    per_user = value + 2 * NEIGHBOURS * _LINK_BYTES + 400
    return max(_LEAST_MEMORY_MB, int(users * 1.25 * per_user / 2**20))


def build(settings: DatabaseSettings, users: int, dimension: int, progress: Progress) -> None:
    """Build the index, or build it anew beside the old one, without keeping anybody from working.

    Interrupted at any moment it leaves at most an index that is never used; the next build, or this
    one while it gives up, removes that.

    Raises:
        ConfigurationError: the database refuses.
    """
    try:
        with closing(connect(settings)) as connection:
            _prepare(connection, memory_mb(users, dimension))
            try:
                _create(settings, connection, dimension, progress)
                _swap(connection)
            finally:
                _drop(connection, _BEING_BUILT)
    except psycopg.Error as error:
        raise ConfigurationError(f"the index cannot be built: {explain(error)}") from error


def prove(
    connection: Connection, probes: Probes, on_measured: Callable[[Measured], None]
) -> Measured:
    """Find the least breadth of search that finds enough, and write down what it finds.

    The last one measured is the answer; whether it is enough, :meth:`Index.objection` says.
    """
    for breadth in BREADTHS:
        measured = measure(connection, probes, Plan(probes.gallery, breadth))
        on_measured(measured)
        if measured.recall >= AIM_RECALL:
            break
    proof = Proof(
        users=probes.gallery,
        ef_search=measured.plan.ef_search or 0,
        recall=round(measured.recall, 5),
        probes=measured.probes,
    )
    connection.execute(
        sql.SQL("comment on index {} is {}").format(
            sql.Identifier(NAME), sql.Literal(proof.model_dump_json())
        )
    )
    return measured


def _prepare(connection: Connection, memory: int) -> None:
    row = connection.execute("select pg_try_advisory_lock(%s)", [_LOCK]).fetchone()
    if row != (True,):
        raise ConfigurationError("somebody else is building the index just now")
    connection.execute("set statement_timeout = 0")
    # One process: several need as much shared memory, which containers seldom have.
    connection.execute("set max_parallel_maintenance_workers = 0")
    connection.execute("select set_config('maintenance_work_mem', %s, false)", [f"{memory}MB"])
    # So that the server stops building when this process has been killed.
    connection.execute("set client_connection_check_interval = '2s'")
    _drop(connection, _BEING_BUILT)


def _create(
    settings: DatabaseSettings, connection: Connection, dimension: int, progress: Progress
) -> None:
    expression, operators = definition(dimension)
    statement = sql.SQL(
        "create index concurrently {} on users using hnsw ({} {}) "
        "with (m = {}, ef_construction = {}) where face_embedding is not null"
    ).format(
        sql.Identifier(_BEING_BUILT),
        sql.SQL(expression),
        sql.SQL(operators),
        sql.Literal(NEIGHBOURS),
        sql.Literal(BREADTH_OF_BUILDING),
    )
    done = threading.Event()
    with ThreadPoolExecutor(1) as thread, closing(connect(settings)) as observer:
        future = thread.submit(connection.execute, statement)
        future.add_done_callback(lambda _: done.set())
        try:
            while not done.wait(_POLL_S):
                row = observer.execute(_PROGRESS, [connection.info.backend_pid]).fetchone()
                progress(row[0] if row else 0)
        except BaseException:
            connection.cancel_safe()
            raise
        future.result()
        progress(1)


def _swap(connection: Connection) -> None:
    """Put the new index in the old one's place. It has no proof yet, so nobody uses it."""
    with connection.transaction():
        _drop_within(connection, NAME)
        connection.execute(
            sql.SQL("alter index {} rename to {}").format(
                sql.Identifier(_BEING_BUILT), sql.Identifier(NAME)
            )
        )


def _drop(connection: Connection, name: str) -> None:
    connection.execute(sql.SQL("drop index concurrently if exists {}").format(sql.Identifier(name)))


def _drop_within(connection: Connection, name: str) -> None:
    connection.execute(sql.SQL("drop index if exists {}").format(sql.Identifier(name)))
