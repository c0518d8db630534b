"""What was published, and what must come of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from nats.js import JetStreamContext

from dataflow.jobs.lane import Lane
from dataflow.jobs.reason import Reason
from soloface.cli.demo.changes import scaled
from soloface.cli.demo.people import ENROLLED, Person
from tests.world import Photo, World

_AT_ONCE = 64
SMALL = 0.8
"""Portraits are scaled by this to about 200 pixels: they cost little, and all are recognised."""

MATCHED = frozenset({Reason.MATCHED})


@dataclass(frozen=True, slots=True)
class Wanted:
    """A job, and how the photo must end that it names.

    ``photo_id`` is ``None`` where the payload is no job; ``users`` are those whom the photo may be
    matched with, and empty where any will do, or none. ``forgotten`` jobs may leave no trace, as
    their user was deleted.
    """

    payload: bytes
    photo_id: UUID | None
    reasons: frozenset[Reason] = MATCHED
    users: frozenset[UUID] = frozenset()
    forgotten: bool = False


@dataclass(slots=True)
class Ledger:
    """The jobs on a world's stream by their sequence."""

    world: World
    jobs: dict[int, Wanted] = field(default_factory=dict)
    users: dict[str, UUID] = field(default_factory=dict)
    _images: dict[str, str] = field(default_factory=dict)

    def photos(self, count: int, person: Person = ENROLLED[0]) -> list[Photo]:
        """So many photos of somebody, who is enrolled if need be."""
        if person.name not in self.users:
            self.users |= self.world.enrol(person)
            (first,) = self.world.photos(scaled(person.portrait(), SMALL), 1, listed=False)
            self._images[person.name] = first.key
        key = self._images[person.name]
        made = [Photo(photo.id, key) for photo in self.world.photos(None, count, listed=False)]
        self.world.list_photos(made)
        return made

    def good(self, count: int, people: Sequence[Person] = ENROLLED[:3]) -> list[Wanted]:
        """Jobs that must be matched, of several people in turn."""
        share = -(-count // len(people))
        mixed = zip(*(self._of(person, share) for person in people), strict=True)
        return [wanted for group in mixed for wanted in group][:count]

    def _of(self, person: Person, count: int) -> list[Wanted]:
        photos = self.photos(count, person)
        user = frozenset({self.users[person.name]})
        return [Wanted(photo.job(), photo.id, users=user) for photo in photos]

    def bad(self, reason: Reason, image_ref: str | None, count: int = 1) -> list[Wanted]:
        """Jobs whose image does it: photos that must end for that reason."""
        photos = [Photo(photo.id, image_ref or "") for photo in self.world.photos(None, count)]
        return [Wanted(photo.job(), photo.id, frozenset({reason})) for photo in photos]

    def publish(self, wanted: Sequence[Wanted], lane: Lane = Lane.LIVE) -> list[int]:
        """Put the jobs on the stream in that order; returns their sequences."""
        nats = self.world.settings.nats
        subject = nats.subject_of(lane)

        async def publish(js: JetStreamContext) -> list[int]:
            seqs: list[int] = []
            for start in range(0, len(wanted), _AT_ONCE):
                some = wanted[start : start + _AT_ONCE]
                published = (js.publish(subject, w.payload, stream=nats.stream) for w in some)
                seqs += [ack.seq for ack in await asyncio.gather(*published)]
            return seqs

        seqs = self.world.with_jetstream(publish)
        self.jobs.update(zip(seqs, wanted, strict=True))
        return seqs
