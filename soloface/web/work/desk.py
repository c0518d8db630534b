"""The resources of one web process: the pack, the database, the store, and threads for each."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from functools import cached_property

import structlog

from connectors.postgres.connection import Database
from connectors.postgres.gallery.users import Gallery
from connectors.postgres.review.moderation import Moderation
from connectors.postgres.setup.schema import require_tables
from connectors.postgres.tags.deciding import Rules
from connectors.postgres.tags.decisions import Decisions
from connectors.store.enrolment_photos import EnrolmentPhotos
from dataflow.faces.face import FacePack
from dataflow.faces.packs.histogram import DistanceHistogram, shipped_histogram
from dataflow.faces.packs.loading import load_pack
from dataflow.process.cores import usable_cores
from dataflow.process.lazy import Lazy
from dataflow.settings import Settings
from soloface.rules import rules_of_workers
from soloface.web.work.pool import Pool

log = structlog.get_logger()

_WAITING_PER_THREAD = 16


@dataclass(frozen=True, slots=True)
class Threads:
    """``finding`` computes faces; ``asking`` waits for the database and the store."""

    finding: Pool
    asking: Pool

    def close(self) -> None:
        """Wait until all is done."""
        self.finding.close()
        self.asking.close()


class Desk:
    """Made once per process. ``pack`` stands in for the configured one, where given."""

    def __init__(self, settings: Settings, *, pack: FacePack | None = None) -> None:
        web = settings.web
        self.settings = settings
        self.stop = threading.Event()
        self.database = Database(settings.database, self.stop)
        self.pack = Lazy(lambda: pack or load_pack(settings.model))
        self.photos = EnrolmentPhotos(settings)
        self.threads = Threads(
            Pool("find", web.finders or settings.worker.cores or usable_cores(), web.waiting),
            Pool(
                "ask",
                web.database_connections,
                web.database_connections * _WAITING_PER_THREAD,
            ),
        )

    @cached_property
    def enrolling(self) -> Settings:
        """The settings of whoever enrols and erases: another login, where one is given."""
        dsn = self.settings.web.enrolment_dsn
        if dsn is None:
            return self.settings
        database = self.settings.database.model_copy(update={"dsn": dsn})
        return self.settings.model_copy(update={"database": database})

    @cached_property
    def enrolment(self) -> Database:
        """Their connections."""
        own = self.enrolling.database
        return self.database if own is self.settings.database else Database(own, self.stop)

    def check(self) -> None:
        """Try everything that must work before the first request.

        Raises:
            ConfigurationError, SystemicError: it does not.
        """
        contract = self.pack().contract
        gallery = Gallery(self.database)
        gallery.require_schema(contract)
        gallery.require_comparable(contract)
        with self.database.connection() as connection:
            require_tables(connection)
        self.database.close()

    def rules(self) -> Rules:
        """The limits that hold now; a gallery is required if either the workers or we say so.

        Raises:
            ConfigurationError, TransientError, SystemicError: they cannot be had.
        """
        rules = rules_of_workers(self.settings, self.database, _complain, without_users=True)
        if not self.settings.match.gallery_required:
            return rules
        return replace(rules, policy=replace(rules.policy, gallery_required=True))

    def histogram(self, model: str) -> DistanceHistogram | None:
        """What was measured with the recogniser of a contract; ``None``: nothing, or another's."""
        contract = self.pack().contract
        return shipped_histogram(contract) if contract.id == model else None

    def moderation(self) -> Moderation:
        """What takes people's words."""
        return Moderation(Decisions(self.database, self.rules()))

    def close(self) -> None:
        """Finish what is begun, and let go of everything."""
        self.stop.set()
        self.threads.close()
        self.database.close_all()
        self.enrolment.close_all()


def _complain(text: str) -> None:
    log.debug("web_limits", text=text)
