"""What noting and telling a change adds to a photo: the same writes with the outbox and without."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from threading import Event
from uuid import UUID, uuid4

import numpy as np
import psycopg

from benchmarks.measure import tree_cpu_s
from benchmarks.stage import Site, insert_photos
from connectors.jetstream.client import JetStreamClient
from connectors.postgres.connection import Database
from connectors.postgres.photos.recorder import Recorder
from connectors.postgres.tags.outbox import Outbox
from dataflow.faces.face import Box, EmbeddedFace
from dataflow.faces.packs.loading import load_pack
from dataflow.jobs.delivery import Delivery
from dataflow.jobs.job import Job
from dataflow.process.health import Health
from dataflow.process.retry import LinearBackoff, Persistence
from dataflow.steps.matching import MatchPolicy
from dataflow.steps.request import Recognised

_TRIGGERS = ("soloface_tell_gained", "soloface_tell_lost", "soloface_tell_moved")
_SEQUENCE = count(1)


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU milliseconds per photo, of this process and of each server."""

    own_ms: float
    postgres_ms: float
    nats_ms: float

    @property
    def ms(self) -> float:
        """All of it."""
        return self.own_ms + self.postgres_ms + self.nats_ms


class Writer:
    """Writes matched faces as the worker's sink does, and tells what changed as its relay does."""

    def __init__(self, site: Site, client: JetStreamClient, *, tells: bool) -> None:
        self._site = site
        self._client = client
        self._tells = tells
        self._batch = site.settings.worker.batch
        self._database = Database(site.settings.database)
        pack = load_pack(site.settings.model)
        contract = pack.contract
        self._random = np.random.default_rng(seed=5)
        self._dimension = contract.dimension
        self._recorder = Recorder(
            self._database,
            Persistence(LinearBackoff(tries=3, step_s=0.1), Event()),
            MatchPolicy(pack.threshold),
            contract.id,
            contract.dimension,
        )
        self._dsn = site.settings.database.dsn.get_secret_value()
        if not tells:
            with psycopg.connect(self._dsn, autocommit=True) as connection:
                for trigger in _TRIGGERS:
                    connection.execute(f"drop trigger {trigger} on face_matches".encode())

    def round(self, photos: int) -> Cost:
        """Write so many, and tell them."""
        ids = [uuid4() for _ in range(photos)]
        with psycopg.connect(self._dsn) as connection:
            insert_photos(connection, ids)
        batches = [
            [self._face(photo_id) for photo_id in ids[start : start + self._batch]]
            for start in range(0, photos, self._batch)
        ]
        before = self._used()
        outbox = Outbox(self._database)
        for batch in batches:
            self._recorder.record(batch)
            if self._tells:
                while outbox.wave(self._client.tell):
                    pass
        each = [
            1000 * (now - then) / photos for now, then in zip(self._used(), before, strict=True)
        ]
        return Cost(*each)

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def _face(self, photo_id: UUID) -> Recognised:
        vector = self._random.standard_normal(self._dimension).astype(np.float32)
        vector /= np.linalg.norm(vector)
        face = EmbeddedFace(Box(1, 2, 30, 40), 0.9, vector)
        return Recognised(self._delivery(), Job(photo_id=photo_id, image_ref="a.jpg"), face)

    @staticmethod
    def _delivery() -> Delivery:
        return Delivery(b"", "", next(_SEQUENCE), 1, datetime.now(UTC))

    def _used(self) -> tuple[float, float, float]:
        servers = self._site.servers
        postgres, nats = servers.postgres.process_id or 0, servers.nats.process_id or 0
        return time.process_time(), tree_cpu_s(postgres), tree_cpu_s(nats)


@contextmanager
def writers(with_outbox: Site, without: Site) -> Iterator[tuple[Writer, Writer]]:
    """Both ways to write."""
    client = JetStreamClient(with_outbox.settings.nats, Health())
    with (
        closing(client),
        closing(Writer(with_outbox, client, tells=True)) as tells,
        closing(Writer(without, client, tells=False)) as silent,
    ):
        yield tells, silent
