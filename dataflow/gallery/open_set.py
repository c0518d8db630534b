"""How a gallery of so many users would do with the people at hand: FPIR and FNIR at a distance.

Each photo is sought among so many of the other people, drawn in every way there is: the share of
draws in which somebody is near enough follows from how many of all people are, without a draw.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dataflow.gallery.calibration import CASES_NEEDED, Distances, seek
from dataflow.gallery.intervals import counted_95, person_draws
from dataflow.gallery.limit import wanted_far
from dataflow.gallery.made_up import Vectors

_STEP = 1000

Counts = NDArray[np.int64]
Hits = NDArray[np.float32]
"""1 for each photo and person that count, else 0: a product with weights counts them fast."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A mean share over ``photos`` photos, and what it may be with other people of the kind."""

    value: float
    range_95: tuple[float, float]
    photos: int


@dataclass(frozen=True, slots=True)
class OpenSet:
    """A distance for a wanted FPIR among so many users, and what it comes to.

    ``distance`` is ``None`` where so few photos cannot tell it: that takes ``photos_needed`` of as
    many people. ``least_fpir`` is the smallest that they can tell among so many users, rounded up
    to two digits; ``None``: there is none. ``fnir`` is ``None`` where nobody has two photos.
    ``is_reckoned`` says that there are more users than people, so that the rates are not counted
    but follow from theirs.
    """

    wanted_fpir: float
    users: int
    distance: float | None
    fpir: Rate | None
    fnir: Rate | None
    is_reckoned: bool
    photos_needed: int
    least_fpir: float | None


class Searches:
    """Every photo's distances to the other people, who are known by the means of their photos.

    A person's own mean is that of the other photos.

    Args:
        embeddings: one per photo.
        people: whose photo it is; two people at least.
    """

    def __init__(self, embeddings: Vectors, people: Sequence[str]) -> None:
        found = seek(embeddings, people)
        self._owner, self._own, self._sought = found.owner, found.own, found.sought
        self._distances = found.others
        self.photos, self.people = found.others.shape

    def recommend(self, wanted_fpir: float, users: int) -> OpenSet:
        """The largest distance, in steps of 0.001, whose FPIR is not above a wanted one.

        Args:
            wanted_fpir: in (0, 1).
            users: of the gallery, at least 1.
        """
        far = wanted_far(wanted_fpir, users)
        needed = int(np.ceil(CASES_NEEDED / (far * (self.people - 1))))
        reckoned = users > self.people - 1
        least = self._least_fpir(users)
        if self.photos < needed:
            return OpenSet(wanted_fpir, users, None, None, None, reckoned, needed, least)
        low, high = 0, 2 * _STEP
        while low < high:
            middle = (low + high + 1) // 2
            fpir = self._fooled(self._near(middle / _STEP), users, self._once)
            low, high = (middle, high) if fpir <= wanted_fpir else (low, middle - 1)
        distance = low / _STEP
        return OpenSet(
            wanted_fpir,
            users,
            distance,
            self.fpir(distance, users),
            self.fnir(distance, users),
            reckoned,
            needed,
            least,
        )

    def fpir(self, distance: float, users: int) -> Rate:
        """The share of strangers' photos for which one of so many users is near enough."""
        near = self._near(distance)
        drawn = [self._fooled(near, users, weights) for weights in person_draws(self.people)]
        return _rate(self._fooled(near, users, self._once), drawn, self.photos)

    def fnir(self, distance: float, users: int) -> Rate | None:
        """The share of users' photos that do not find them, so many users being enrolled.

        ``None``: nobody has two photos.
        """
        if not self._sought.any():
            return None
        nearer = (self._distances < self._own[:, None]).astype(np.float32)
        drawn = [
            self._missed(nearer, distance, users, weights)
            for weights in person_draws(self.people)
            if weights[self._owner[self._sought]].any()
        ]
        value = self._missed(nearer, distance, users, self._once)
        return _rate(value, drawn, int(self._sought.sum()))

    def _least_fpir(self, users: int) -> float | None:
        far = CASES_NEEDED / (self.photos * (self.people - 1))
        if far >= 1:
            return None
        least = -math.expm1(users * math.log1p(-far))
        digits = 1 - math.floor(math.log10(least))
        # A little more, so that asking for it is not refused by the last bit of a float.
        rounded = round(math.ceil(least * 10**digits + 1e-9) / 10**digits, digits)
        return rounded if rounded < 1 else None

    @property
    def _once(self) -> Counts:
        return np.ones(self.people, np.int64)

    def _near(self, distance: float) -> Hits:
        return (self._distances <= distance).astype(np.float32)

    def _fooled(self, near: Hits, users: int, weights: Counts) -> float:
        """The share of photos and galleries in which somebody is near enough."""
        counted = weights[self._owner]
        return _mean(self._some(near, users, weights, counted), counted)

    def _missed(self, nearer: Hits, distance: float, users: int, weights: Counts) -> float:
        """The share of photos whose own user is too far or not the nearest."""
        counted = weights[self._owner] * self._sought
        passed_by = self._some(nearer, max(users - 1, 0), weights, counted)
        return 1 - _mean((self._own <= distance) * (1 - passed_by), counted)

    def _some(self, hits: Hits, users: int, weights: Counts, counted: Counts) -> Distances:
        """For each photo, the share of galleries of so many users with a hit among them.

        ``weights`` are how often each person counts, ``counted`` how often each photo does.
        """
        others = weights.sum() - weights[self._owner]
        drawn = np.minimum(users, others)
        hit = (hits @ weights.astype(np.float32)).astype(np.int64)
        some = 1 - _none_of(hit, others, drawn)
        if users < self.people:
            return some
        # More users than there are people: as if each further lot of them did as the first. All
        # photos get the mean, which is too high rather than too low where some are fooled easily.
        return np.full(len(some), 1 - (1 - _mean(some, counted)) ** (users / (self.people - 1)))


def _none_of(hits: Counts, others: Counts, drawn: Counts) -> Distances:
    """The chance that of so many drawn from others, without replacement, none is a hit."""
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, int(others.max(initial=0)) + 1)))])
    possible = others - hits >= drawn
    left = np.where(possible, others - hits - drawn, 0)
    chance = np.exp(
        logs[others - hits] - logs[left] - logs[others] + logs[np.maximum(others - drawn, 0)]
    )
    return np.where(possible, chance, 0.0)


def _mean(values: Distances, weights: Counts) -> float:
    total = weights.sum()
    return float(values @ weights / total) if total else 0.0


def _rate(value: float, drawn: Sequence[float], photos: int) -> Rate:
    """Wilson's interval and that of the draws together: neither sees all of the chance there is."""
    low, high = counted_95(round(value * photos), photos)
    people_low, people_high = np.percentile(drawn, [2.5, 97.5]).tolist()
    return Rate(value, (min(low, people_low), max(high, people_high)), photos)
