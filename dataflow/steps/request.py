"""What a delivery becomes from step to step: a request, an image, a face."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

from dataflow.faces.face import EmbeddedFace
from dataflow.jobs.delivery import Delivery
from dataflow.jobs.job import Job
from dataflow.jobs.stages import Lap


@dataclass(frozen=True, slots=True)
class Request:
    """A delivery whose payload is a job."""

    delivery: Delivery
    job: Job

    def after(self, laps: Iterable[Lap]) -> Self:
        """The same, with these laps behind it."""
        return replace(self, delivery=self.delivery.after(laps))


@dataclass(frozen=True, slots=True)
class Fetched:
    """A request with the bytes of its image."""

    delivery: Delivery
    job: Job
    image: bytes

    def after(self, laps: Iterable[Lap]) -> Self:
        """The same, with these laps behind it."""
        return replace(self, delivery=self.delivery.after(laps))


@dataclass(frozen=True, slots=True)
class Recognised:
    """A request whose photo shows exactly one face.

    ``duplicate_of`` is the stream sequence of another job for the same photo that passed before.
    """

    delivery: Delivery
    job: Job
    face: EmbeddedFace
    duplicate_of: int | None = None

    def after(self, laps: Iterable[Lap]) -> Self:
        """The same, with these laps behind it."""
        return replace(self, delivery=self.delivery.after(laps))
