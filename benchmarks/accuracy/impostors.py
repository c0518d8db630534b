"""Pairs of different people: the distance that keeps to a FAR, for every draw of people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.tail import CASES, fit, tail_share
from dataflow.gallery.calibration import Distances

TABLE_FARS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)


@dataclass(frozen=True)
class Impostors:
    """Distances, the smallest first, each with the places of its two people.

    ``independent`` is how many of the pairs have no photo in common with another one: where that
    is few, a fit tells the distance.
    """

    distances: Distances
    owners: tuple[NDArray[np.intp], NDArray[np.intp]]
    independent: int

    def is_extrapolated(self, far: float) -> bool:
        """Whether there are too few pairs to count at a FAR."""
        return far * self.independent < CASES

    def weighed(self, people: Distances) -> Weighed:
        """The same with people who count so often."""
        low, high = self.owners
        return Weighed(self, people[low] * people[high])


class Weighed:
    """The pairs of one draw of people. ``mass`` is how much weight the first n have, n from 0."""

    def __init__(self, pairs: Impostors, weights: Distances) -> None:
        self._pairs = pairs
        self._weights = weights
        self.mass = np.concatenate([[0.0], np.cumsum(weights)])

    @property
    def is_empty(self) -> bool:
        """Whether this draw has no pair."""
        return bool(self.mass[-1] <= 0)

    def limit(self, far: float) -> float:
        """The largest distance at which no more than this share of the pairs is accepted."""
        allowed = far * self.mass[-1] * (1 + 1e-12)
        accepted = int(np.searchsorted(self.mass, allowed, "right")) - 1
        if accepted >= len(self._pairs.distances):
            return 2.0
        return float(np.nextafter(self._pairs.distances[accepted], -np.inf))

    def table(self, shape: float | None) -> tuple[Sequence[float], float]:
        """The distance for each of :data:`TABLE_FARS`, and the shape of the tail that was fitted.

        ``shape`` is given where another set tells it better.
        """
        pairs, present = self._pairs, self._weights > 0
        share = tail_share(pairs.independent)
        tail = fit(pairs.distances[present], self._weights[present], share, shape)
        found: list[float] = []
        for far in TABLE_FARS:
            is_fitted = pairs.is_extrapolated(far)
            distance = tail.distance(far) if is_fitted else self.limit(far)
            # A smaller FAR has no larger distance, also where the fit takes over.
            found.append(max(0.0, min([distance, *found[-1:]])))
        return found, tail.shape
