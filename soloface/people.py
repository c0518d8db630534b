"""People by messages as it runs in production, by itself or beside the worker."""

from __future__ import annotations

import threading
from contextlib import closing

import structlog
from bytewax.dataflow import Dataflow

from connectors.erasing import erase_kept, erase_told
from connectors.jetstream.client import SharedJetStream
from connectors.jetstream.jobs.source import JetStreamSource
from connectors.postgres.connection import Database
from connectors.postgres.gallery.memory import GalleryMemory
from connectors.postgres.gallery.users import Gallery
from connectors.postgres.people.recorder import PeopleRecorder
from connectors.postgres.people.register import PeopleRegister
from connectors.postgres.photos.read_lately import read_lately
from connectors.postgres.setup.pooler import require_own_session
from connectors.postgres.setup.rights import require_people_rights
from connectors.sink import RecordingSink
from connectors.store import MinioStore
from connectors.store.enrolment_photos import EnrolmentPhotos
from connectors.telemetry.observing import describe_model
from connectors.telemetry.reachability import look_after
from connectors.telemetry.tracing import tracing
from dataflow.faces.face import FacePack
from dataflow.faces.packs.loading import load_pack
from dataflow.jobs.errors import ConfigurationError, SystemicError
from dataflow.jobs.image_ref import ImageRef, RefPolicy
from dataflow.persons.asked import Asked
from dataflow.persons.reporting import PEOPLE
from dataflow.persons.services import PeopleServices
from dataflow.pipeline import add_people
from dataflow.process.health import Health
from dataflow.process.lazy import Lazy
from dataflow.process.retry import Persistence
from dataflow.process.version import VERSION
from dataflow.settings import Settings
from soloface.introduction import address
from soloface.limits import clash_limit
from soloface.starting import started
from soloface.worker import DATABASE_BACKOFF, Worker

log = structlog.get_logger()

BATCH = 4
"""Requests that are pulled together: few, as each may have twenty photos."""
_BESIDE_PHOTOS = 1
"""Photos to compute at a time where the worker computes in the same process."""


def people_flow() -> Dataflow:
    """Build the people's dataflow from the environment.

    Raises:
        SystemExit: it cannot start; the message says why and what to do.
    """
    return started(lambda settings, stop, health: People(settings, stop, health=health))


def whole_flow() -> Dataflow:
    """Build the worker's and the people's in one.

    Raises:
        SystemExit: it cannot start; the message says why and what to do.
    """
    return started(Whole)


class Whole:
    """The worker and the people in one process."""

    def __init__(self, settings: Settings, stop: threading.Event, health: Health) -> None:
        pack = Lazy(lambda: load_pack(settings.model))
        self._worker = Worker(settings, stop, pack=pack, health=health)
        self._people = People(
            settings,
            stop,
            pack=pack,
            health=health,
            cores=_BESIDE_PHOTOS,
            memory=self._worker.memory,
        )

    def flow(self) -> Dataflow:
        """Wire both side by side."""
        flow = Dataflow("soloface")
        self._worker.add_to(flow)
        self._people.add_to(flow)
        return flow

    def check(self) -> None:
        """Try everything that must work before the first job.

        Raises:
            ConfigurationError, SystemicError: it does not.
        """
        self._worker.check()
        self._people.check()

    def start(self) -> None:
        """What goes on beside the flow."""
        self._worker.start()


class People:
    """The resources of one process, and the dataflow over them.

    ``pack``, ``health`` and ``memory`` are shared with others in the process, where given;
    ``cores`` is how many photos to compute at a time.
    """

    def __init__(  # noqa: PLR0913 - what it may share with a worker
        self,
        settings: Settings,
        stop: threading.Event,
        *,
        pack: Lazy[FacePack] | None = None,
        health: Health | None = None,
        cores: int | None = None,
        memory: Lazy[GalleryMemory] | None = None,
    ) -> None:
        self.health = health or Health()
        self._settings = settings
        self._stop = stop
        self._cores = cores
        self._memory = memory
        self._database = Database(settings.database, stop)
        self._persistence = Persistence(DATABASE_BACKOFF, stop, health=self.health)
        self._jetstream = SharedJetStream(settings.nats.people, self.health, PEOPLE)
        self._pack = pack or Lazy(lambda: load_pack(settings.model))
        self._store = MinioStore(
            settings.store, settings.images, settings.worker.fetchers, self._read_lately
        )
        self._kept = EnrolmentPhotos(settings)

    def flow(self) -> Dataflow:
        """Wire the real source, services and sink; they connect when they are run."""
        flow = Dataflow("soloface-people")
        self.add_to(flow)
        return flow

    def add_to(self, flow: Dataflow) -> None:
        """The same, beside what is wired there already."""
        settings = self._settings
        services = PeopleServices(
            settings=settings,
            people=PeopleRegister(
                self._database,
                self._persistence,
                self._model,
                RefPolicy(settings.store.bucket, settings.store.buckets, settings.store.prefixes),
                self._erase_elsewhere,
                self._kept.forget,
                self._memory,
            ),
            store=self._store,
            pack=self._pack,
            clashes=lambda: clash_limit(settings, self._pack()),
            stop=self._stop,
            health=self.health,
            wanted=self._jetstream.is_there,
            cores=self._cores,
        )
        source = JetStreamSource(self._jetstream, BATCH, settings.worker.stall_s, BATCH, self._stop)
        sink = RecordingSink(
            self._jetstream,
            lambda: PeopleRecorder(self._model()),
            self._persistence,
            settings.nats.retry_delay_s,
            tracing(settings.tracing),
            PEOPLE,
        )
        add_people(flow, source, sink, services)

    def check(self) -> None:
        """Try everything that must work before the first request.

        Raises:
            ConfigurationError, SystemicError: it does not.
        """
        settings, contract = self._settings, self._pack().contract
        with closing(self._database):
            gallery = Gallery(self._database)
            gallery.require_schema(contract)
            gallery.require_comparable(contract)
            with self._database.connection() as connection:
                require_own_session(connection, settings.database)
                require_people_rights(connection)
            self._jetstream.acquire()
            self._jetstream.release()
        log.info(
            "people_start",
            version=VERSION,
            pack=settings.model.pack,
            model=contract.id,
            quality=settings.enrolment.quality,
            nats=[address(server) for server in settings.nats.servers],
            stream=settings.nats.people_stream,
            durable=settings.nats.people_durable,
            store=address(settings.store.endpoint),
        )

    def start(self) -> None:
        """What goes on beside the flow: looking after the dependencies, for the metrics."""
        if self._settings.metrics_port:
            describe_model(self._pack(), self._settings.model)
            look_after(self._settings, self.health, self._stop)

    def _model(self) -> str:
        return self._pack().contract.id

    def _erase_elsewhere(self, asked: Asked) -> None:
        """What the database does not have; a store or a server that is away is waited for."""
        settings = self._settings

        def kept() -> None:
            with self._database.connection() as connection:
                erase_kept(settings, connection, asked.user_id)

        def told() -> None:
            try:
                erase_told(settings.nats, asked.user_id, asked.moment)
            except ConfigurationError as error:
                raise SystemicError(str(error)) from error

        self._persistence.call(kept, "object store")
        self._persistence.call(told, "NATS")

    def _read_lately(self, bucket: str) -> list[ImageRef]:
        return read_lately(self._settings, bucket, self._stop, of_enrolments=True)
