"""A made-up gallery in a database of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import sql
from pydantic import SecretStr

from benchmarks.gallery.crowds import MODEL, Crowd
from benchmarks.gallery.line import Built, cpu_s
from connectors.embedded import PostgresServer
from connectors.postgres.connection import Database
from connectors.postgres.gallery.proof import Sample, draw_sample
from connectors.postgres.session import Connection
from connectors.postgres.setup.migrate import migrate
from dataflow.settings import DatabaseSettings

_PATIENCE_S = 3600


@dataclass(frozen=True, slots=True)
class Gallery:
    """Who is enrolled, where, and a connection as the worker has one."""

    crowd: Crowd
    settings: DatabaseSettings
    connection: Connection
    server_process: int
    load_s: float

    def probes(self, count: int) -> Sample:
        """Made-up faces of some users, others each time."""
        return draw_sample(self.connection, MODEL, count, hard=self.crowd.hard)

    def built(self, relation: str, build: Callable[[], None]) -> Built:
        """Build something and say what that took."""
        begun, before = time.perf_counter(), cpu_s(self.server_process, with_children=True)
        build()
        wall_s = time.perf_counter() - begun
        used_s = cpu_s(self.server_process, with_children=True) - before
        row = self.connection.execute(
            "select pg_table_size(to_regclass(%s))", [relation]
        ).fetchone()
        return Built(wall_s, used_s, row[0] / 2**20 if row else 0)


@contextmanager
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL with room for a gallery in its memory."""
    with PostgresServer() as running:
        with psycopg.connect(running.dsn, autocommit=True) as admin:
            admin.execute("alter system set shared_buffers = '1GB'")
        running.stop()
        running.start()
        yield running


@contextmanager
def loaded(running: PostgresServer, crowd: Crowd) -> Iterator[Gallery]:
    """A database with this gallery, for as long as it is measured."""
    assert running.process_id is not None  # noqa: S101 - it runs
    name = sql.Identifier(database_name := f"gallery_{crowd.kind}_{crowd.users}")
    with psycopg.connect(running.dsn, autocommit=True) as admin:
        admin.execute(sql.SQL("create database {}").format(name))
        settings = DatabaseSettings(
            dsn=SecretStr(running.dsn_of(database_name)), statement_timeout_s=_PATIENCE_S
        )
        try:
            migrate(settings, crowd.dimension)
            with closing(Database(settings)) as database, database.connection() as connection:
                # One process, so that its CPU time is all there is.
                connection.execute("set max_parallel_workers_per_gather = 0")
                begun = time.perf_counter()
                crowd.load(connection)
                load_s = time.perf_counter() - begun
                yield Gallery(crowd, settings, connection, running.process_id, load_s)
        finally:
            admin.execute(sql.SQL("drop database {} with (force)").format(name))
