"""The worker as it runs in production: the dataflow between JetStream and PostgreSQL."""

from __future__ import annotations

import threading
from contextlib import closing

from bytewax.dataflow import Dataflow

from connectors.jetstream.client import SharedJetStream
from connectors.jetstream.jobs.source import JetStreamSource
from connectors.postgres.connection import Database
from connectors.postgres.gallery.users import Gallery
from connectors.postgres.photos.read_lately import read_lately
from connectors.postgres.photos.recorder import Recorder
from connectors.postgres.photos.registry import PostgresPhotos
from connectors.postgres.setup.pooler import require_own_session
from connectors.postgres.setup.rights import require_all_rows, require_rights
from connectors.postgres.tags.deciding import Rules
from connectors.postgres.tags.keeping import keep_matching
from connectors.postgres.tags.outbox import Outbox
from connectors.postgres.tags.rematching import Rematching
from connectors.relay import Relay
from connectors.sink import RecordingSink
from connectors.store import MinioStore
from connectors.telemetry.observing import describe_model, keep_counting
from connectors.telemetry.reachability import look_after
from connectors.telemetry.tracing import tracing
from dataflow.faces.face import FacePack
from dataflow.faces.packs.loading import load_pack
from dataflow.jobs.image_ref import ImageRef
from dataflow.jobs.lane import Lane
from dataflow.pipeline import add_photos
from dataflow.process.cores import usable_cores
from dataflow.process.health import Health
from dataflow.process.lazy import Lazy
from dataflow.process.retry import LinearBackoff, Persistence
from dataflow.services import Services
from dataflow.settings import Settings
from dataflow.steps.fetching import ObjectStore
from dataflow.steps.matching import MatchPolicy
from soloface.introduction import introduce
from soloface.limits import following_limit
from soloface.starting import started

_BUSY_PER_CORE = 16
"""Jobs that keep a core busy where they can wait: most of them wait to be written together."""

DATABASE_BACKOFF = LinearBackoff(tries=5, step_s=0.1)


def worker_flow() -> Dataflow:
    """Build the dataflow from the environment.

    Raises:
        SystemExit: the worker cannot start; the message says why and what to do.
    """
    return started(lambda settings, stop, health: Worker(settings, stop, health=health))


class Worker:
    """The resources of one process, and the dataflow over them.

    ``pack`` and ``health`` are shared with others in the process, where given; ``store`` stands in
    for the configured one.
    """

    def __init__(
        self,
        settings: Settings,
        stop: threading.Event,
        *,
        pack: Lazy[FacePack] | None = None,
        store: ObjectStore | None = None,
        health: Health | None = None,
    ) -> None:
        self.health = health or Health()
        self._settings = settings
        self._stop = stop
        self._database = Database(settings.database, stop)
        self._persistence = Persistence(DATABASE_BACKOFF, stop, health=self.health)
        self._jetstream = SharedJetStream(settings.nats, self.health)
        self._pack = pack or Lazy(lambda: load_pack(settings.model))
        self._store = store or MinioStore(
            settings.store,
            settings.images,
            len(Lane) * settings.worker.fetchers,
            self._read_lately,
        )

    def flow(self) -> Dataflow:
        """Wire the real source, services and sink; they connect when they are run."""
        flow = Dataflow("soloface")
        self.add_to(flow)
        return flow

    def add_to(self, flow: Dataflow) -> None:
        """The same, beside what is wired there already."""
        settings = self._settings
        services = Services(
            settings=settings,
            photos=PostgresPhotos(self._database, self._persistence),
            store=self._store,
            pack=self._pack,
            stop=self._stop,
            health=self.health,
            wanted=self._jetstream.is_there,
        )
        work = settings.worker
        keep_busy = _BUSY_PER_CORE * (work.cores or usable_cores())
        busy = work.backfill_in_flight or min(keep_busy, work.in_flight)
        source = JetStreamSource(self._jetstream, work.batch, work.stall_s, busy, self._stop)
        sink = RecordingSink(
            self._jetstream,
            self._recorder,
            self._persistence,
            settings.nats.retry_delay_s,
            tracing(settings.tracing),
        )
        add_photos(flow, source, sink, services)

    def check(self) -> None:
        """Try everything that must work before the first job.

        Raises:
            ConfigurationError, SystemicError: it does not.
        """
        contract = self._pack().contract
        with closing(self._database):
            gallery = Gallery(self._database)
            gallery.require_schema(contract)
            gallery.require_comparable(contract)
            with self._database.connection() as connection:
                require_own_session(connection, self._settings.database)
                require_rights(connection)
                require_all_rows(connection)
            self._jetstream.acquire()
            self._jetstream.release()
            follows = following_limit(self._settings)
            introduce(self._settings, self._pack(), self._policy(), follows, self._database)

    def start(self) -> None:
        """What goes on beside the flow."""
        self.keep_tags()
        if self._settings.metrics_port:
            self.observe()

    def keep_tags(self) -> None:
        """Match again and tell the platform when something changes, as long as the process runs."""
        settings = self._settings
        rules = Rules(self._policy(), self._pack().contract.id, settings.rematch.move)
        turns = Database(settings.database, self._stop)
        rematching = Rematching(self._database, turns, rules)
        keep_matching(rematching, self._stop, self._jetstream.is_busy)
        relay = Relay(Outbox(self._database), self._jetstream, self._stop)
        self._jetstream.before_close(relay.finish)
        relay.start()

    def observe(self) -> None:
        """Keep what no job tells: those metrics, and whether the dependencies are there."""
        describe_model(self._pack(), self._settings.model)
        keep_counting(
            Gallery(self._database), Outbox(self._database), self._pack().contract.id, self._stop
        )
        look_after(self._settings, self.health, self._stop)

    def _policy(self) -> MatchPolicy:
        """What is set; where the limit follows the gallery, the database says what it comes to."""
        match = self._settings.match
        return MatchPolicy(
            self._pack().threshold, match.max_distance, match.min_margin, match.gallery_required
        )

    def _read_lately(self, bucket: str) -> list[ImageRef]:
        return read_lately(self._settings, bucket, self._stop)

    def _recorder(self) -> Recorder:
        contract = self._pack().contract
        return Recorder(
            self._database, self._persistence, self._policy(), contract.id, contract.dimension
        )
