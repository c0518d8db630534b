"""Figures with their intervals: what would they be with other people of the same kind?

The people of a set are drawn with replacement, again and again, and each comes with all photos. A
measure gives its value for all draws at once: the first of its estimates counts everybody once, the
others are of the draws. Two packs are judged on the same draws, so that their difference has an
interval of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from dataflow.gallery.intervals import counted_95, person_draws

Estimates: TypeAlias = NDArray[np.float64]
"""Shape (ROUNDS + 1,): the value, and that of each draw; NaN where there is none."""

Weights: TypeAlias = NDArray[np.float64]
"""Shape (ROUNDS + 1, people): how often each person counts."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def is_known(self) -> bool:
        """Whether there was anything to measure."""
        return bool(np.isfinite(self.value))


def person_weights(people: int, seed: int = 0) -> Weights:
    """The same ones each time; another seed draws others, for people of another set."""
    return np.concatenate([np.ones((1, people)), person_draws(people, seed)])


def counted_by_person(owners: NDArray[np.intp], people: int) -> NDArray[np.float64]:
    """How many cases each person has."""
    return np.bincount(owners, minlength=people).astype(np.float64)


def ratio(weights: Weights, hits: NDArray[np.float64], of: NDArray[np.float64]) -> Estimates:
    """The share of hits, where both are counted by person."""
    parts, wholes = weights @ hits, weights @ of
    shares = np.full(len(weights), np.nan)
    np.divide(parts, wholes, out=shares, where=wholes > 0)
    return shares


def figure(estimates: Estimates, cases: int | None = None) -> Figure:
    """The value and its interval.

    Args:
        estimates: of one measure.
        cases: of how many cases the value is a share. Draws of people who are all alike say too
            little, so the interval is at least that of so many chances (Wilson).
    """
    value = float(estimates[0])
    draws = estimates[1:][np.isfinite(estimates[1:])]
    if not np.isfinite(value) or not len(draws):
        return Figure(value, float("nan"), float("nan"))
    low, high = (float(bound) for bound in np.percentile(draws, [2.5, 97.5]))
    if cases:
        least, most = counted_95(round(value * cases), cases)
        low, high = min(low, least), max(high, most)
    return Figure(value, min(low, value), max(high, value))


def difference(one: Estimates, other: Estimates) -> Figure:
    """By how much the one is above the other, on the same people."""
    return figure(one - other)
