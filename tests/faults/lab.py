"""Real servers, and scenes on them: a world of its own, and workers that may be broken."""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Self

import psycopg
from psycopg import sql
from pydantic import SecretStr

from connectors.embedded import NatsServer, ObjectServer, PostgresServer
from connectors.embedded.buckets import create_bucket
from connectors.postgres.setup.migrate import migrate
from connectors.store import minio_client
from dataflow.faces.face import FacePack
from dataflow.jobs.lane import Lane
from dataflow.settings import OPEN_PACK, PREFIX, DatabaseSettings, Settings
from tests.faults.checker import Verdict, check
from tests.faults.ledger import Ledger
from tests.fixtures.worker import BYTEWAX, Entry, Log, Worker
from tests.variables import nats_variables, store_variables
from tests.world import World, drop_streams

PATIENCE_S = 300
_POLL_S = 0.05
_LAST_CHARACTERS = 1500


@dataclass(frozen=True, slots=True)
class Scene:
    """A world, what was published in it, and the workers that are let loose on it.

    ``variables`` are settings without their prefix, which every worker gets.
    """

    world: World
    variables: Mapping[str, str]
    ledger: Ledger
    _workers: list[Worker] = field(default_factory=list)

    def start(
        self, threads: int = 1, *, how: str = "", flow: str = "flow", **variables: str
    ) -> Worker:
        """Start a worker with a log of its own; ``how`` names what is wrong with it."""
        program = (sys.executable, "-m", "tests.faults.launch", how) if how else BYTEWAX
        own = {PREFIX + name: value for name, value in {**self.variables, **variables}.items()}
        foreign = {k: v for k, v in os.environ.items() if not k.startswith(PREFIX)}
        worker = Worker(Log(), threads, own, program=program, environment=foreign, flow=flow)
        self._workers.append(worker)
        return worker

    def wait_until_done(self, timeout_s: float = PATIENCE_S) -> None:
        """Wait until no job waits and none is in work."""
        wait_for(self.world.is_empty, "everything is settled", timeout_s)

    def verdict(self) -> Verdict:
        """What came of it."""
        return check(self.ledger)

    def events(self, name: str) -> list[Entry]:
        """What all workers have said about an event."""
        return [line for worker in self._workers for line in worker.log.events(name)]

    def last_words(self) -> str:
        """What the workers said last that were started last."""
        return "\n".join(worker.log.text[-_LAST_CHARACTERS:] for worker in self._workers[-2:])

    def close(self) -> None:
        """End all workers."""
        for worker in self._workers:
            worker.kill()


def wait_for(condition: Callable[[], bool], what: str, timeout_s: float = PATIENCE_S) -> None:
    """Wait for something outside that tells nobody when it happens."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"too late: {what}"
        time.sleep(_POLL_S)


def resumption(scene: Scene, timeout_s: float = PATIENCE_S) -> float:
    """Seconds until the next job is settled, from now."""
    repaired = time.monotonic()
    left = jobs_left(scene)
    assert left, "nothing is left to settle"
    wait_for(lambda: jobs_left(scene) < left, "the work resumes", timeout_s)
    return time.monotonic() - repaired


def jobs_left(scene: Scene) -> int:
    """Jobs that wait or are in work, in both lanes."""
    consumers = [scene.world.consumer(lane) for lane in Lane]
    return sum((each.num_pending or 0) + (each.num_ack_pending or 0) for each in consumers)


class Lab:
    """Servers for all experiments; a context manager."""

    def __init__(self, model_root: Path, pack: FacePack) -> None:
        self.nats = NatsServer()
        self.postgres = PostgresServer()
        self.objects = ObjectServer()
        self._model_root = model_root
        self._pack = pack
        self._servers = ExitStack()

    def __enter__(self) -> Self:
        for server in (self.nats, self.postgres, self.objects):
            self._servers.enter_context(server)
        return self

    def __exit__(self, *_: object) -> None:
        self._servers.close()

    @contextmanager
    def database(self) -> Iterator[DatabaseSettings]:
        """An empty database that nobody else uses."""
        name = f"test_{secrets.token_hex(6)}"
        with _database(self.postgres, name):
            yield DatabaseSettings(dsn=SecretStr(self.postgres.dsn_of(name)))

    @contextmanager
    def scene(
        self,
        variables: Mapping[str, str] = MappingProxyType({}),
        *,
        nats: NatsServer | None = None,
        postgres: PostgresServer | None = None,
    ) -> Iterator[Scene]:
        """A database, a bucket, streams and a consumer that nobody else uses.

        ``variables`` are settings without their prefix.
        """
        nats, postgres = nats or self.nats, postgres or self.postgres
        database = f"test_{secrets.token_hex(6)}"
        usual = {
            **nats_variables(nats),
            **store_variables(self.objects),
            "DATABASE__DSN": postgres.dsn_of(database),
            "MODEL__PACK": OPEN_PACK,
            "MODEL__ROOT": str(self._model_root),
            "WORKER__PHOTO_GRACE_S": "1",
            "LOG__FORMAT": "json",
        }
        settings = settings_of({**usual, **variables})
        with ExitStack() as cleanup:
            cleanup.enter_context(_database(postgres, database))
            create_bucket(settings.store)
            migrate(settings.database, settings.model.embedding_dimension)
            cleanup.callback(drop_streams, settings.nats)
            world = World(settings, self._pack, minio_client(settings.store, connections=1))
            cleanup.callback(world.store._http.clear)
            scene = Scene(world, {**usual, **variables}, Ledger(world))
            cleanup.callback(scene.close)
            try:
                yield scene
            except AssertionError as error:
                error.add_note(scene.last_words())
                raise


def settings_of(variables: Mapping[str, str]) -> Settings:
    """Settings from variables without their prefix, whatever the environment says."""
    sections: dict[str, dict[str, str]] = {}
    for name, value in variables.items():
        section, _, key = name.lower().partition("__")
        sections.setdefault(section, {})[key] = value
    return Settings.model_validate(sections)


@contextmanager
def _database(server: PostgresServer, name: str) -> Iterator[None]:
    identifier = sql.Identifier(name)
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(identifier))
    yield
    with (
        suppress(psycopg.OperationalError),  # an experiment may have left it stopped
        psycopg.connect(server.dsn, autocommit=True) as connection,
    ):
        connection.execute(sql.SQL("drop database {} with (force)").format(identifier))
