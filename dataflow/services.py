"""What the steps need from outside: adapters behind the core's own protocols."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from dataflow.faces.face import FacePack
from dataflow.faces.quality import POLICIES
from dataflow.jobs.image_ref import RefPolicy
from dataflow.jobs.stages import Stage, timed
from dataflow.process.cores import usable_cores
from dataflow.process.health import Health
from dataflow.process.retry import LinearBackoff, Persistence
from dataflow.settings import Settings
from dataflow.steps.dedup import SHARDS, SeenPhotos
from dataflow.steps.fetching import Fetching, ObjectStore, Wanted, always_wanted
from dataflow.steps.guardrails import Guardrails, PhotoRegistry
from dataflow.steps.recognition import Recognition
from dataflow.steps.underway import Bounds, UnderWay


@dataclass(frozen=True, slots=True)
class Services:
    """One per process, shared by its workers. Nothing is contacted before the first job."""

    settings: Settings
    photos: PhotoRegistry
    store: ObjectStore
    pack: Callable[[], FacePack]
    stop: threading.Event = field(default_factory=threading.Event)
    health: Health = field(default_factory=Health)
    wanted: Wanted = always_wanted

    def guardrails(self) -> Guardrails:
        """Step 2."""
        settings = self.settings
        return Guardrails(
            self.photos,
            settings.worker.photo_grace_s,
            settings.nats.retry_delay_s,
            gallery_required=settings.match.gallery_required,
        )

    def fetching(self) -> Fetching:
        """Step 3."""
        store = self.settings.store
        return Fetching(
            store=self.store,
            refs=RefPolicy(store.bucket, store.buckets, store.prefixes),
            persistence=Persistence(
                LinearBackoff(store.tries, store.backoff_s), self.stop, health=self.health
            ),
            retry_delay_s=self.settings.nats.retry_delay_s,
            wanted=self.wanted,
        )

    def recognition(self) -> Recognition:
        """Step 4."""
        return Recognition(
            pack=self.pack,
            max_pixels=self.settings.images.max_pixels,
            retry_delay_s=self.settings.nats.retry_delay_s,
            quality=POLICIES[self.settings.quality.photos],
            by_bbox=self.settings.model.choose_by_bbox,
        )

    def under_way(self) -> UnderWay:
        """Steps 3 and 4 for many photos at a time."""
        worker = self.settings.worker
        bounds = Bounds(
            photos=worker.in_flight,
            image_bytes=worker.in_flight_bytes,
            fetchers=worker.fetchers,
            cores=worker.cores or usable_cores(),
            deadline_s=self.settings.images.deadline_s,
            backfill_cores=worker.backfill_cores,
            backfill_share=self.settings.nats.backfill_share,
        )
        return UnderWay(
            partial(timed, Stage.FETCH, self.fetching().fetch),
            self.recognition().embed,
            bounds,
            self.stop,
            self.settings.nats.retry_delay_s,
        )

    def seen_photos(self) -> SeenPhotos:
        """Step 5, one per shard."""
        worker = self.settings.worker
        return SeenPhotos(worker.dedup_window_s, worker.dedup_entries // SHARDS)
