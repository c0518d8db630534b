"""One database connection per thread, no matter who started the thread."""

from __future__ import annotations

import bytewax.operators as op
import psycopg
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, TestingSource, cluster_main
from pydantic import SecretStr

from connectors.postgres.connection import Database
from dataflow.settings import DatabaseSettings

BATCHES = 3


def test_a_thread_of_bytewax_keeps_its_connection_from_batch_to_batch(database_dsn: str) -> None:
    with psycopg.connect(database_dsn, autocommit=True) as connection:
        connection.execute("create extension vector")
    database = Database(DatabaseSettings(dsn=SecretStr(database_dsn)))

    def ask(batch: int) -> int:
        with database.connection() as connection:
            backend = connection.info.backend_pid
        if batch == BATCHES - 1:
            database.close()
        return backend

    backends: list[int] = []
    flow = Dataflow("batches")
    batches = op.input("batches", flow, TestingSource(range(BATCHES), batch_size=1))
    op.output("backends", op.map("ask", batches, ask), TestingSink(backends))
    cluster_main(flow, [], 0, worker_count_per_proc=2)  # type: ignore[no-untyped-call]

    assert len(backends) == BATCHES
    assert len(set(backends)) == 1
