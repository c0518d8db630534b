"""The gallery's index: its making while the worker works, and the proof that it may be used."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import LiteralString

import psycopg

from connectors.postgres.connection import connect, explain
from connectors.postgres.gallery.proof import Measured, Sample, measure, searcher
from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query
from dataflow.gallery.search import AIM_RECALL, Index, Plan, Proof, breadths, building_mb
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import DatabaseSettings

Progress = Callable[[str, float], None]
"""Is told what is being done, and which share of that is done, in [0, 1]."""

_LOCK = 0x50_1F_AC_E1  # any number, as long as every soloface takes the same
_POLL_S = 0.5
_PROGRESS = """
select phase, coalesce(tuples_done::float8 / nullif(tuples_total, 0), 0)
from pg_stat_progress_create_index where pid = %s
"""


def build(settings: DatabaseSettings, lists: int, dimension: int, progress: Progress) -> None:
    """Build the index, or a new one beside the old one, without keeping anybody from working.

    It holds the vectors in half precision, cut into lists of neighbours: what that costs beside
    pgvector's graphs (HNSW), ``benchmarks.gallery --compare`` measures.
    Interrupted at any moment it leaves at most an index that is never used; the next build, or this
    one while it gives up, removes that.

    Raises:
        ConfigurationError: the database refuses, or a pooler is in between.
    """
    if settings.pooler != "none":
        raise ConfigurationError(
            "building an index takes a session of its own, which a pooler in transaction mode does "
            "not give; for this command, lead SOLOFACE_DATABASE__DSN to the server itself and set "
            "SOLOFACE_DATABASE__POOLER=none"
        )
    try:
        with closing(connect(settings)) as connection:
            _prepare(connection, building_mb(lists, dimension))
            try:
                statement = query("create_search_index", dimension=dimension, lists=lists)
                _create(settings, connection, statement, progress)
                connection.execute(query("swap_search_index"))
            finally:
                connection.execute(query("drop_new_search_index"))
    except psycopg.Error as error:
        raise ConfigurationError(f"the index cannot be built: {explain(error)}") from error


def prove(
    connection: Connection,
    sample: Sample,
    index: Index,
    on_measured: Callable[[int, Measured], None],
) -> Measured:
    """Find the least breadth of search that finds enough, and write down what it finds.

    The last one measured is the answer; whether it is enough, :meth:`Index.objection` says.
    """
    for breadth in breadths(index.lists):
        plan = Plan(sample.gallery, breadth)
        measured = measure(sample, searcher(connection, sample.model, plan))
        on_measured(breadth, measured)
        if measured.recall >= AIM_RECALL:
            break
    proof = Proof(
        model=sample.model,
        users=sample.gallery,
        breadth=breadth,
        recall=round(measured.recall, 5),
        faces=measured.faces,
    )
    with connection.transaction():
        connection.execute(
            "select set_config('soloface.proof', %s, true)", [proof.model_dump_json()]
        )
        connection.execute(query("prove_search_index"))
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
    connection.execute(query("drop_new_search_index"))


def _create(
    settings: DatabaseSettings, connection: Connection, statement: LiteralString, progress: Progress
) -> None:
    done = threading.Event()
    with ThreadPoolExecutor(1) as thread, closing(connect(settings)) as observer:
        future = thread.submit(connection.execute, statement)
        future.add_done_callback(lambda _: done.set())
        try:
            while not done.wait(_POLL_S):
                row = observer.execute(_PROGRESS, [connection.info.backend_pid]).fetchone()
                if row:
                    progress(*row)
        except BaseException:
            connection.cancel_safe()
            raise
        future.result()
