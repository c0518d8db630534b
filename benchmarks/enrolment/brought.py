"""What enrolling a photo brings, and what it costs: right tags, at the same share of wrong ones.

A photo that is a person's only one brings the share of their other photos that it is near enough
to. It costs what the limit must move in by: each stranger's photo that it is near enough to would
be one more wrong tag. Both are counted in right tags of one user.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.faces import Faces
from benchmarks.accuracy.limits import curve, fixed
from benchmarks.accuracy.resampling import Figure, counted_by_person, figure, person_weights, ratio
from benchmarks.accuracy.searches import search
from benchmarks.enrolment.pictures import FAR_APART, SHORT, Pictures
from dataflow.faces.quality import LowQualityError, QualityPolicy
from dataflow.gallery.calibration import Distances

MAX_FPIR = 0.01
"""The limit is the distance that keeps to it in a gallery of all people but every third."""

AS_THEY_ARE = "as they are"
_MORE = 0.02
_STEP = 500

EDGES: Mapping[str, Sequence[float]] = {
    "score": (0.5, 0.55, 0.6, 0.65, 0.7, 0.8, 0.9, 1),
    "eye distance, px": (0, 6, 8, 10, 12, 15, 18, 25, 40, 1000),
    "sharpness": (0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 10),
    "brightness": (0, 5, 8, 12, 15, 25, 40, 100, 200, 220, 230, 240, 245, 256),
    "yaw, degrees": (0, 15, 30, 45, 60, 90),
    "pitch, degrees": (0, 5, 10, 15, 30, 45, 60, 90),
    "length of the raw vector": (0, 7, 8, 9, 10, 11, 12, 13, 100),
    "landmarks apart, in eye distances": (0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 10),
}
"""Between which values photos are taken together."""

CAUSES: Mapping[str, str] = {
    "eye distance, px": "small",
    "sharpness": "blur",
    "brightness": "light",
}
"""Measures that are shown of photos made worse in this way alone, and of those as they are."""


@dataclass(frozen=True)
class Brought:
    """Some photos; shares of one user's right tags."""

    what: str
    photos: int
    brings: Figure
    costs: Figure

    @property
    def pays_to_refuse(self) -> bool:
        """Whether they cost more than they bring."""
        return self.costs.value > self.brings.value


@dataclass(frozen=True)
class Signs:
    """How many photos that something was done to show it; shares."""

    what: str
    apart: float
    short: float


def signs(pictures: Pictures) -> Iterator[Signs]:
    """For photos as they are, and for each way in which some were made worse."""
    apart = pictures.measured("landmarks apart, in eye distances") > FAR_APART
    short = pictures.measured("length of the raw vector") < SHORT
    for change in dict.fromkeys(pictures.changes):
        which = np.array([other == change for other in pictures.changes])
        yield Signs(change or AS_THEY_ARE, float(apart[which].mean()), float(short[which].mean()))


class Bringing:
    """Judges pictures as the only ones of their people.

    ``limit`` is the distance, ``price`` how many users' right tags one whole FPIR costs.
    """

    def __init__(self, pictures: Pictures, faces: Faces) -> None:
        self._pictures = pictures
        found = search(faces, strangers=True)
        strange = np.sort(found.near[~found.enrolled, 0])
        self.limit = float(strange[int(MAX_FPIR * len(strange))])
        fpir, right = curve(found, fixed)
        gained = np.interp(_MORE, fpir, right) - np.interp(MAX_FPIR, fpir, right)
        self.price = float(gained / (_MORE - MAX_FPIR)) * found.users
        self._brings, strangers = self._near()
        self._costs = strangers * self.price
        self._weights = person_weights(len(pictures.names))

    def of(self, what: str, which: NDArray[np.bool_]) -> Brought:
        """Judge some of them; those of people without another photo tell nothing."""
        which = which & np.isfinite(self._brings)
        photos = int(which.sum())
        return Brought(
            what, photos, self._mean(self._brings, which), self._mean(self._costs, which)
        )

    def by_measure(self, name: str) -> Iterator[Brought]:
        """Photos between two values of a measure."""
        values = self._pictures.measured(name)
        cause = CAUSES.get(name)
        fitting = np.array(
            [not cause or not change or change.startswith(cause) for change in self._changes]
        )
        edges = EDGES[name]
        for low, high in pairwise(edges):
            brought = self.of(f"{low:g} to {high:g}", fitting & (values >= low) & (values < high))
            if brought.photos:
                yield brought

    def by_change(self) -> Iterator[Brought]:
        """Photos as they are, and made worse in each way."""
        for change in dict.fromkeys(self._changes):
            which = np.array([other == change for other in self._changes])
            yield self.of(change or AS_THEY_ARE, which)

    def refused(self, what: str, policy: QualityPolicy) -> Brought:
        """Those that a policy refuses."""
        return self.of(
            what, np.array([self._fails(policy, row) for row in range(len(self._brings))])
        )

    @property
    def _changes(self) -> Sequence[str]:
        return self._pictures.changes

    def _fails(self, policy: QualityPolicy, row: int) -> bool:
        try:
            policy.require(self._pictures.quality(row))
        except LowQualityError:
            return True
        return False

    def _near(self) -> tuple[Distances, Distances]:
        """The share of each one's own other photos, and of strangers' photos, that are near."""
        pictures = self._pictures
        plain = pictures.untouched
        brings = np.full(len(plain), np.nan)
        strangers = np.zeros(len(plain))
        for start in range(0, len(plain), _STEP):
            rows = slice(start, start + _STEP)
            near = pictures.embeddings[rows] @ pictures.embeddings.T >= 1 - self.limit
            foreign = pictures.owners[rows, None] != pictures.owners
            other = pictures.photo_numbers[rows, None] != pictures.photo_numbers
            own = ~foreign & other & plain
            counts = own.sum(axis=1)
            shares = (near & own).sum(axis=1) / np.maximum(counts, 1)
            brings[rows] = np.where(counts, shares, np.nan)
            # Half of strangers' photos are as they are, half as bad as those of enrolment.
            strangers[rows] = sum(
                (near & foreign & kind).sum(axis=1) / (foreign & kind).sum(axis=1) / 2
                for kind in (plain, ~plain)
            )
        return brings, strangers

    def _mean(self, values: Distances, which: NDArray[np.bool_]) -> Figure:
        people = len(self._pictures.names)
        owners = self._pictures.owners[which]
        sums = np.bincount(owners, values[which], people).astype(np.float64)
        return figure(ratio(self._weights, sums, counted_by_person(owners, people)))
