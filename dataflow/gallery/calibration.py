"""What a pack's distances mean: error rates at a threshold, and the threshold for an error rate.

FAR is the share of pairs of different people that a threshold takes for one person, TAR the share
of pairs of one person that it does. FPIR and FNIR are the same for a search in a gallery: the share
of strangers for whom somebody is found, and of enrolled people who are not found.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from dataflow.gallery.intervals import counted_95, person_draws
from dataflow.gallery.made_up import Vectors, unit

Distances: TypeAlias = NDArray[np.float64]
"""Cosine distances in [0, 2]."""

CASES_NEEDED = 3
"""A rate of which fewer cases are expected than this cannot be told from zero: rule of three."""

FEW_PEOPLE = 20
"""With fewer, who is among them decides more than how many pairs they make."""

_STEP = 1000


@dataclass(frozen=True, slots=True)
class Share:
    """A share of counted cases, and what it may be.

    ``pairs_95`` is Wilson's 95 % interval, as if each case were a chance of its own;
    ``people_95`` is what it comes to with other people of the same kind (bootstrap by person).
    """

    count: int
    of: int
    pairs_95: tuple[float, float]
    people_95: tuple[float, float] | None = None

    @property
    def value(self) -> float:
        """The share; 0 where there was no case."""
        return self.count / self.of if self.of else 0.0

    @property
    def range_95(self) -> tuple[float, float]:
        """Both intervals together: neither sees all of the chance there is."""
        low, high = self.people_95 or self.pairs_95
        return min(low, self.pairs_95[0]), max(high, self.pairs_95[1])


@dataclass(frozen=True, slots=True)
class Point:
    """The errors at one threshold, a cosine distance."""

    threshold: float
    far: Share
    tar: Share


@dataclass(frozen=True, slots=True)
class Identification:
    """Each photo sought among all people, who are known by the mean of their other photos.

    ``rank_1``: how often the person was the nearest. At the threshold, ``fnir``: how often the
    person was not the nearest or too far; ``fpir``: how often somebody was near enough although the
    person had been left out.
    """

    threshold: float
    people: int
    rank_1: Share
    fnir: Share
    fpir: Share


@dataclass(frozen=True, slots=True)
class Recommendation:
    """The largest threshold that keeps to a wanted FAR, or why there is none to be had."""

    wanted_far: float
    point: Point | None
    objection: str | None


class Pairs:
    """All pairs of a labelled set of faces.

    ``genuine_owner`` and ``impostor_owners`` are, for each distance, the places of its one person
    or its two among the sorted names.

    Args:
        embeddings: one per photo.
        people: whose photo it is.
    """

    def __init__(self, embeddings: Vectors, people: Sequence[str]) -> None:
        names, owner = np.unique(np.asarray(people, dtype=object).astype(str), return_inverse=True)
        first, second = np.triu_indices(len(people), k=1)
        similarity = np.clip(embeddings @ embeddings.T, -1, 1).astype(np.float64)
        distance = 1 - similarity[first, second]
        same = owner[first] == owner[second]
        self.people = len(names)
        self.photos = len(people)
        self.single = int((np.bincount(owner) == 1).sum())
        self.genuine: Distances = distance[same]
        self.impostor: Distances = np.sort(distance[~same])
        self.genuine_owner = owner[first][same]
        order = np.argsort(distance[~same], kind="stable")
        low = np.minimum(owner[first], owner[second])[~same][order]
        high = np.maximum(owner[first], owner[second])[~same][order]
        self.impostor_owners = low, high

    @property
    def least_far(self) -> float:
        """The smallest FAR that so many pairs can say anything about."""
        return CASES_NEEDED / len(self.impostor) if len(self.impostor) else 1.0

    def at(self, threshold: float) -> Point:
        """The errors at a threshold: pairs at exactly that distance are accepted."""
        accepted = self.genuine <= threshold
        taken = int(np.searchsorted(self.impostor, threshold, side="right"))
        far_people, tar_people = self._bootstrap(accepted, taken)
        return Point(
            threshold,
            _share(taken, len(self.impostor), far_people),
            _share(int(accepted.sum()), len(self.genuine), tar_people),
        )

    def threshold_for(self, far: float) -> float:
        """The largest threshold, in steps of 0.001, whose FAR on these pairs is not above a wanted.

        0 where even that accepts too many.
        """
        allowed = math.floor(far * len(self.impostor) + 1e-9)
        if allowed >= len(self.impostor):
            return 2.0
        below = np.nextafter(self.impostor[allowed], -np.inf)
        return max(0.0, math.floor(float(below) * _STEP) / _STEP)

    def recommend(self, wanted_far: float) -> Recommendation:
        """The threshold for a wanted FAR above 0, if the pairs can tell it."""
        if wanted_far < self.least_far:
            pairs = len(self.impostor)
            needed = math.ceil(CASES_NEEDED / wanted_far)
            return Recommendation(
                wanted_far,
                None,
                f"{pairs} pair{'s' * (pairs != 1)} of different people cannot tell a FAR of "
                f"{wanted_far:g} from a smaller one; that needs {needed} pairs, or a wanted FAR "
                f"of at least {self.least_far:.2g}",
            )
        return Recommendation(wanted_far, self.at(self.threshold_for(wanted_far)), None)

    def equal_error_rate(self) -> float | None:
        """The rate at which as many are falsely accepted as falsely refused.

        ``None``: nobody has two photos.
        """
        if not len(self.genuine):
            return None
        thresholds = np.union1d(self.genuine, self.impostor)
        far = np.searchsorted(self.impostor, thresholds, side="right") / len(self.impostor)
        frr = 1 - np.searchsorted(np.sort(self.genuine), thresholds, side="right") / len(
            self.genuine
        )
        best = int(np.argmin(np.abs(far - frr)))
        return float((far[best] + frr[best]) / 2)

    def curve(self) -> tuple[Distances, Distances, Distances]:
        """Thresholds in steps of 0.001 with their FAR and their FRR, for plots."""
        thresholds = np.arange(2 * _STEP + 1) / _STEP
        far = np.searchsorted(self.impostor, thresholds, side="right") / len(self.impostor)
        tar = np.searchsorted(np.sort(self.genuine), thresholds, side="right") / len(self.genuine)
        return thresholds, far, 1 - tar

    def _bootstrap(
        self, accepted: NDArray[np.bool_], taken: int
    ) -> tuple[tuple[float, float] | None, tuple[float, float] | None]:
        """Draw as many people with replacement, again and again; a person comes with all photos."""
        size = self.people
        draws = person_draws(size).astype(np.float64)
        owned = np.bincount(self.genuine_owner, minlength=size)
        hit = np.bincount(self.genuine_owner[accepted], minlength=size)
        low, high = self.impostor_owners
        both = low * size + high
        met = np.bincount(both, minlength=size**2).reshape(size, size)
        fooled = np.bincount(both[:taken], minlength=size**2).reshape(size, size)
        return (
            _percentiles(_quadratic(draws, fooled), _quadratic(draws, met)),
            _percentiles(draws @ hit, draws @ owned),
        )


def identify(embeddings: Vectors, people: Sequence[str], threshold: float) -> Identification:
    """Seek each photo among the people; those with one photo only serve as others."""
    found = seek(embeddings, people)
    missed = found.sought & ~(found.first & (found.own <= threshold))
    fooled = found.nearest_other <= threshold
    return Identification(
        threshold,
        len(set(people)),
        _share(int(found.first.sum()), int(found.sought.sum())),
        _share(int(missed.sum()), int(found.sought.sum())),
        _share(int(fooled.sum()), len(fooled)),
    )


@dataclass(frozen=True, slots=True)
class Sought:
    """For each photo, how far it is from people, each known by the mean of their photos.

    ``owner`` is the place of its person among the sorted names. ``own`` is the distance to that
    person without it; one with a single photo is not ``sought``, and ``own`` is infinite.
    ``others``, shape (photos, people), has the distances to all; that to its person is infinite.
    """

    owner: NDArray[np.intp]
    own: Distances
    others: Distances
    sought: NDArray[np.bool_]

    @property
    def nearest_other(self) -> Distances:
        """The distance to the nearest other person."""
        return np.asarray(self.others.min(axis=1))

    @property
    def first(self) -> NDArray[np.bool_]:
        """Whose own person was the nearest."""
        return self.sought & (self.own < self.nearest_other)


def seek(embeddings: Vectors, people: Sequence[str]) -> Sought:
    """Seek each photo among the means of all people, its own person's without it."""
    names, owner = np.unique(np.asarray(people, dtype=object).astype(str), return_inverse=True)
    sums = np.zeros((len(names), embeddings.shape[1]), np.float64)
    np.add.at(sums, owner, embeddings)
    counts = np.bincount(owner)
    gallery = unit(np.asarray(sums, np.float32))
    distance = 1 - (embeddings @ gallery.T).astype(np.float64)
    own = np.full(len(owner), np.inf)
    sought = counts[owner] > 1
    others_mean = unit(np.asarray(sums[owner] - embeddings, np.float32)[sought])
    own[sought] = 1 - np.sum(embeddings[sought] * others_mean, axis=1)
    distance[np.arange(len(owner)), owner] = np.inf
    return Sought(owner, own, distance, sought)


def _share(count: int, of: int, people_95: tuple[float, float] | None = None) -> Share:
    return Share(count, of, counted_95(count, of), people_95)


def _quadratic(draws: Distances, matrix: NDArray[np.int64]) -> Distances:
    """For each draw, the sum over pairs of different people, each as often as both were drawn."""
    # einsum over all three takes many times as long where there are thousands of people.
    return np.asarray(((draws @ matrix.astype(np.float64)) * draws).sum(axis=1), np.float64)


def _percentiles(parts: Distances, wholes: Distances) -> tuple[float, float] | None:
    usable = wholes > 0
    if not usable.any():
        return None
    low, high = np.percentile(parts[usable] / wholes[usable], [2.5, 97.5])
    return float(low), float(high)
