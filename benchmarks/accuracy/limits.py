"""Ways to say who is near enough, and what each costs in right tags at the same wrong ones.

All photos of strangers that get a tag are wrong, whoever is named: their share is the FPIR. At the
same FPIR, the way with more right tags is the better one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from benchmarks.accuracy.resampling import Estimates, Weights, counted_by_person
from benchmarks.accuracy.searches import NEIGHBOURS, Searches
from dataflow.gallery.calibration import Distances

FPIRS = (0.01, 0.02, 0.05)
SIZES = (10, 20, 50, 100, 200)
_MARGINS = (0.03, 0.05, 0.1)
_LEAST_SPREAD = 1e-3

Score = Callable[[Distances], Distances]
"""Of the distances to the nearest users, nearest first: the less, the surer; infinite is never."""


def fixed(near: Distances) -> Distances:
    """The distance alone."""
    return np.asarray(near[:, 0], np.float64)


def margin(near: Distances) -> Distances:
    """By how much the second user is farther, alone."""
    return np.asarray(near[:, 0] - near[:, 1], np.float64)


def with_margin(least: float) -> Score:
    """The distance, where the second user is farther by so much."""
    return lambda near: np.where(near[:, 1] - near[:, 0] >= least, near[:, 0], np.inf)


def less_mean(near: Distances) -> Distances:
    """The distance minus the mean distance of the next users."""
    return np.asarray(near[:, 0] - _next_mean(near), np.float64)


def in_spreads(near: Distances) -> Distances:
    """The same in standard deviations of the next users' distances."""
    spread = near[:, 1 : NEIGHBOURS + 1].std(axis=1)
    return np.asarray(less_mean(near) / np.maximum(spread, _LEAST_SPREAD), np.float64)


def half_less_mean(near: Distances) -> Distances:
    """Half way between the distance and what is left of it without the mean of the next users."""
    return np.asarray(near[:, 0] - _next_mean(near) / 2, np.float64)


def _next_mean(near: Distances) -> Distances:
    return np.asarray(near[:, 1 : NEIGHBOURS + 1].mean(axis=1), np.float64)


WAYS: Mapping[str, Score] = MappingProxyType(
    {
        "fixed distance": fixed,
        **{f"distance, margin {least:g}": with_margin(least) for least in _MARGINS},
        "margin alone": margin,
        "less the next users' mean": less_mean,
        "less half their mean": half_less_mean,
        "in their spreads": in_spreads,
    }
)


def right_tags(found: Searches, score: Score, weights: Weights) -> dict[float, Estimates]:
    """The share of enrolled people's photos that get the right tag, at each FPIR."""
    ranked = _Ranked(found, score)
    rows = np.array([ranked.right_at(row) for row in weights])
    return {fpir: rows[:, place] for place, fpir in enumerate(FPIRS)}


def curve(found: Searches, score: Score) -> tuple[Distances, Distances]:
    """All FPIRs with the share of right tags, for a chart."""
    ranked = _Ranked(found, score)
    people = np.ones(int(found.owner.max()) + 1)
    strange, right = ranked.summed(people)
    return strange / max(1, (~found.enrolled).sum()), right / max(1, found.enrolled.sum())


class _Ranked:
    """The photos sought, the surest first."""

    def __init__(self, found: Searches, score: Score) -> None:
        scores = score(found.near)
        usable = np.flatnonzero(np.isfinite(scores))
        order = usable[np.argsort(scores[usable], kind="stable")]
        self._owner = found.owner[order]
        self._strange = ~found.enrolled[order]
        self._right = found.first[order] & found.enrolled[order]
        people = int(found.owner.max()) + 1
        self._strangers = counted_by_person(found.owner[~found.enrolled], people)
        self._enrolled = counted_by_person(found.owner[found.enrolled], people)

    def summed(self, people: Distances) -> tuple[Distances, Distances]:
        """How many strangers' photos and how many right ones are among the first n, from n = 0."""
        weight = people[self._owner]
        return (
            np.concatenate([[0.0], np.cumsum(weight * self._strange)]),
            np.concatenate([[0.0], np.cumsum(weight * self._right)]),
        )

    def right_at(self, people: Distances) -> list[float]:
        """The share of right tags at each FPIR, with people who count so often."""
        strangers = float(people[: len(self._strangers)] @ self._strangers)
        enrolled = float(people[: len(self._enrolled)] @ self._enrolled)
        if strangers <= 0 or enrolled <= 0:
            return [float("nan")] * len(FPIRS)
        strange, right = self.summed(people)
        last = np.searchsorted(strange, np.array(FPIRS) * strangers + 1e-9, side="right") - 1
        return [float(share) for share in right[last] / enrolled]
