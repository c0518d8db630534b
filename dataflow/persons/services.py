"""What the people's steps need from outside: adapters behind the core's own protocols."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from dataflow.faces.face import FacePack
from dataflow.gallery.clashes import ClashLimit
from dataflow.jobs.delivery import Delivery
from dataflow.jobs.image_ref import RefPolicy
from dataflow.persons.asked import People
from dataflow.persons.desk import Desk
from dataflow.persons.ended import PersonSettled
from dataflow.persons.reception import Reception
from dataflow.persons.request import PersonRequest, validate_person
from dataflow.process.cores import usable_cores
from dataflow.process.crew import Crew
from dataflow.process.health import Health
from dataflow.process.retry import LinearBackoff, Persistence
from dataflow.settings import Settings
from dataflow.steps.fetching import Fetching, ObjectStore, Wanted, always_wanted


@dataclass(frozen=True, slots=True)
class PeopleServices:
    """One per process, shared by its workers. Nothing is contacted before the first request.

    ``cores`` is how many photos to compute at a time; by default as many as the process may use.
    """

    settings: Settings
    people: People
    store: ObjectStore
    pack: Callable[[], FacePack]
    clashes: Callable[[], ClashLimit]
    stop: threading.Event = field(default_factory=threading.Event)
    health: Health = field(default_factory=Health)
    wanted: Wanted = always_wanted
    cores: int | None = None

    def validate(self, delivery: Delivery) -> PersonRequest | PersonSettled:
        """Step 1."""
        nats = self.settings.nats
        return validate_person(delivery, nats.people_withdrawn_subject, nats.max_deliver)

    def desk(self) -> Desk:
        """Step 2, many requests at a time."""
        return Desk(self.reception().settle, self.stop)

    def reception(self) -> Reception:
        """Does one request."""
        settings, store = self.settings, self.settings.store
        return Reception(
            people=self.people,
            fetching=Fetching(
                store=self.store,
                refs=RefPolicy(store.bucket, store.buckets, store.prefixes),
                persistence=Persistence(
                    LinearBackoff(store.tries, store.backoff_s), self.stop, health=self.health
                ),
                retry_delay_s=settings.nats.retry_delay_s,
                wanted=self.wanted,
            ),
            pack=self.pack,
            clashes=self.clashes,
            crew=Crew(
                self.cores or settings.worker.cores or usable_cores(), settings.images.deadline_s
            ).resting_at_exit(),
            quality=settings.enrolment.quality,
            bystanders=settings.enrolment.bystanders,
            max_pixels=settings.images.max_pixels,
            stream=settings.nats.people_stream,
            retry_delay_s=settings.nats.retry_delay_s,
            gallery_required=settings.match.gallery_required,
        )
