"""The stage: real servers, and the platform's part on it."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import orjson
import psycopg
from pgvector.psycopg import register_vector
from psycopg import sql

from benchmarks.measure import tree_cpu_s
from connectors.embedded import Servers
from connectors.embedded.buckets import create_bucket
from connectors.jetstream.connection import connect as connect_nats
from connectors.jetstream.provision import provision
from connectors.postgres.setup.migrate import migrate
from connectors.store import minio_client
from dataflow.faces.packs.loading import load_pack
from dataflow.settings import PREFIX, Settings, load_settings

USERS = 100
"""Enrolled users, at random places: an exact search among them costs next to nothing."""

INSIGHTFACE_FOLDER = "INSIGHTFACE_TEST_PACK"
"""The variable that names a folder with an insightface pack, if there is one."""

_IN_FLIGHT = 256


@dataclass(frozen=True, slots=True)
class Site:
    """A platform that uses one pack: a database, a bucket, and the variables that lead there."""

    variables: Mapping[str, str]
    servers: Servers

    def servers_cpu_s(self) -> float:
        """Processor seconds that the servers have used so far."""
        return sum(tree_cpu_s(server.process_id or 0) for server in self.servers.all)

    @property
    def settings(self) -> Settings:
        """The variables as settings."""
        with environment(self.variables):
            return load_settings()

    def upload(self, photos: Sequence[Path]) -> list[str]:
        """Put photos into the store; returns their keys."""
        store = self.settings.store
        client = minio_client(store, connections=1)
        keys = []
        for path in photos:
            data = path.read_bytes()
            keys.append(f"{path.parent.name}/{path.name}")
            client.put_object(store.bucket, keys[-1], BytesIO(data), len(data))
        return keys

    def queue(self) -> Queue:
        """A queue of jobs of its own, and a consumer on it."""
        tag = secrets.token_hex(4)
        own = {
            f"{PREFIX}NATS__STREAM": f"JOBS_{tag}",
            f"{PREFIX}NATS__SUBJECT": f"jobs.{tag}",
            f"{PREFIX}NATS__DURABLE": f"worker_{tag}",
            f"{PREFIX}NATS__BACKFILL_SUBJECT": f"backfill.{tag}",
            f"{PREFIX}NATS__BACKFILL_DURABLE": f"backfill_{tag}",
            f"{PREFIX}NATS__DEAD_STREAM": f"DEAD_{tag}",
            f"{PREFIX}NATS__DEAD_SUBJECT": f"dead.{tag}",
            # A worker that stood still for the others' rounds takes its subscription for stalled.
            f"{PREFIX}WORKER__STALL_S": "3600",
        }
        queue = Queue(self, {**self.variables, **own})
        queue.publish([])
        return queue


@dataclass(frozen=True, slots=True)
class Queue:
    """A stream of jobs, and the variables that lead a worker to it."""

    site: Site
    variables: Mapping[str, str]

    @property
    def settings(self) -> Settings:
        """The variables as settings."""
        with environment(self.variables):
            return load_settings()

    def having(self, settings: Mapping[str, str]) -> Queue:
        """The same queue for workers with these settings, named without their prefix."""
        own = {PREFIX + name: value for name, value in settings.items()}
        return replace(self, variables={**self.variables, **own})

    def publish(self, keys: Sequence[str]) -> None:
        """Add a photo to the platform's table for each key, and a job that asks who is on it."""
        settings = self.settings
        photos = [uuid4() for _ in keys]
        with psycopg.connect(settings.database.dsn.get_secret_value()) as connection:
            insert_photos(connection, photos)
        jobs = [
            orjson.dumps({"photo_id": photo, "image_ref": key})
            for photo, key in zip(photos, keys, strict=True)
        ]
        asyncio.run(_publish(settings, jobs))


def insert_photos(connection: psycopg.Connection, photos: Sequence[UUID]) -> None:
    """Tell the platform's table of them."""
    with connection.cursor().copy("copy photos (id) from stdin") as copy:
        for photo in photos:
            copy.write_row([photo])


async def _publish(settings: Settings, jobs: Sequence[bytes]) -> None:
    nats = settings.nats
    connection = await connect_nats(nats, "benchmark")
    try:
        js = connection.jetstream()
        await provision(js, nats)
        for start in range(0, len(jobs), _IN_FLIGHT):
            some = jobs[start : start + _IN_FLIGHT]
            await asyncio.gather(*(js.publish(nats.subject, job) for job in some))
    finally:
        await connection.close()


def build_site(servers: Servers, pack: str, model_root: Path, users: int = USERS) -> Site:
    """Make a database for a pack and enrol users."""
    name = f"site_{secrets.token_hex(4)}"
    with psycopg.connect(servers.postgres.dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    variables = {
        **servers.environment(),
        f"{PREFIX}DATABASE__DSN": servers.postgres.dsn_of(name),
        f"{PREFIX}STORE__BUCKET": name.replace("_", "-"),
        f"{PREFIX}MODEL__PACK": pack,
        f"{PREFIX}MODEL__ROOT": str(model_root),
        f"{PREFIX}LOG__FORMAT": "json",
    }
    site = Site(variables, servers)
    settings = site.settings
    migrate(settings.database, settings.model.embedding_dimension)
    create_bucket(settings.store)
    enrol_strangers(settings, users)
    return site


def enrol_strangers(settings: Settings, users: int) -> None:
    """Enrol users whose faces point in random directions."""
    contract = load_pack(settings.model).contract
    random = np.random.default_rng(seed=2)
    vectors = random.standard_normal((users, contract.dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with psycopg.connect(settings.database.dsn.get_secret_value()) as connection:
        register_vector(connection)
        columns = "copy users (id, face_embedding, face_embedding_model) from stdin"
        with connection.cursor().copy(f"{columns} with (format binary)") as copy:
            copy.set_types(["uuid", "vector", "text"])
            for vector in vectors:
                copy.write_row([uuid4(), vector, contract.id])


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Have these variables of soloface's and no others, for a while."""
    before = dict(os.environ)
    try:
        os.environ.clear()
        os.environ.update(child_environment(variables))
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def child_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """What a process is started with: our environment, but these settings and no others."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return {**inherited, **variables}
