"""Pairs of photos, one with one: AUC, EER, TAR at a FAR, and the distance for a FAR."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.accuracy.resampling import Estimates, Weights
from benchmarks.accuracy.tail import CASES, Tail, fit, tail_share
from dataflow.gallery.calibration import CASES_NEEDED, Distances, Pairs

TAR_FARS = (1e-2, 1e-3, 1e-4)
TABLE_FARS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)

_GRID = np.arange(4001) / 2000


@dataclass(frozen=True, slots=True)
class Verification:
    """Estimates of all measures, as :mod:`benchmarks.accuracy.resampling` has them.

    ``tar`` has those FARs that so many pairs can tell. ``distance`` has the largest distance for
    each FAR of the table; ``extrapolated`` names those that a fit tells, which has that ``shape``.
    """

    auc: Estimates
    eer: Estimates
    tar: dict[float, Estimates]
    distance: dict[float, Estimates]
    extrapolated: frozenset[float]
    shape: Estimates


def verify(pairs: Pairs, weights: Weights, shape: Estimates | None = None) -> Verification | None:
    """Judge all pairs, for every draw of people; ``None`` without pairs of both kinds.

    ``shape`` is that of the tail of a larger set, draw by draw; by default the pairs tell it.
    """
    if not len(pairs.genuine) or len(pairs.impostor) < CASES_NEEDED:
        return None
    judge = _Judge(pairs)
    shapes: list[float | None] = [None] * len(weights)
    if shape is not None:
        shapes = shape.tolist()
    table = np.array(
        [judge.measures(row, known) for row, known in zip(weights, shapes, strict=True)]
    )
    tars = [far for far in TAR_FARS if far >= pairs.least_far]
    return Verification(
        table[:, 0],
        table[:, 1],
        {far: table[:, 2 + TAR_FARS.index(far)] for far in tars},
        {far: table[:, 2 + len(TAR_FARS) + place] for place, far in enumerate(TABLE_FARS)},
        frozenset(far for far in TABLE_FARS if judge.is_extrapolated(far)),
        table[:, -1],
    )


class _Judge:
    def __init__(self, pairs: Pairs) -> None:
        order = np.argsort(pairs.genuine, kind="stable")
        self._genuine = pairs.genuine[order]
        self._genuine_owner = pairs.genuine_owner[order]
        self._impostor = pairs.impostor
        self._low, self._high = pairs.impostor_owners
        self._nearer = [
            np.searchsorted(self._impostor, self._genuine, "left"),
            np.searchsorted(self._impostor, self._genuine, "right"),
        ]
        self._impostor_on_grid = np.searchsorted(self._impostor, _GRID, side="right")
        self._genuine_on_grid = np.searchsorted(self._genuine, _GRID, side="right")
        self._share = tail_share(len(self._impostor))

    def is_extrapolated(self, far: float) -> bool:
        return far * len(self._impostor) < CASES

    def measures(self, people: Distances, shape: float | None) -> list[float]:
        """AUC, EER, the TARs, the distances and the shape, with people who count so often."""
        met = people[self._low] * people[self._high]
        impostors = _summed(met)
        genuines = _summed(people[self._genuine_owner])
        count = len(TAR_FARS) + len(TABLE_FARS)
        if impostors[-1] <= 0 or genuines[-1] <= 0:
            return [float("nan")] * (3 + count)
        places = {
            far: int(np.searchsorted(impostors, far * impostors[-1] * (1 + 1e-12), "right")) - 1
            for far in {*TAR_FARS, *TABLE_FARS}
        }
        present = met > 0
        tail = fit(self._impostor[present], met[present], self._share, shape)
        limits = {far: self._limit(place) for far, place in places.items()}
        return [
            self._auc(impostors, genuines),
            self._eer(impostors, genuines),
            *(self._tar(limits[far], genuines) for far in TAR_FARS),
            *self._distances(tail, limits),
            tail.shape,
        ]

    def _limit(self, accepted: int) -> float:
        """The largest distance at which no more than so many of the nearest pairs are accepted."""
        if accepted >= len(self._impostor):
            return 2.0
        return float(np.nextafter(self._impostor[accepted], -np.inf))

    def _auc(self, impostors: Distances, genuines: Distances) -> float:
        each = np.diff(genuines)
        nearer = sum(impostors[places] for places in self._nearer) / len(self._nearer)
        return float(1 - each @ nearer / (genuines[-1] * impostors[-1]))

    def _eer(self, impostors: Distances, genuines: Distances) -> float:
        far = impostors[self._impostor_on_grid] / impostors[-1]
        frr = 1 - genuines[self._genuine_on_grid] / genuines[-1]
        best = int(np.argmin(np.abs(far - frr)))
        return float((far[best] + frr[best]) / 2)

    def _tar(self, limit: float, genuines: Distances) -> float:
        taken = int(np.searchsorted(self._genuine, limit, side="right"))
        return float(genuines[taken] / genuines[-1])

    def _distances(self, tail: Tail, limits: dict[float, float]) -> list[float]:
        found: list[float] = []
        for far in TABLE_FARS:
            distance = tail.distance(far) if self.is_extrapolated(far) else limits[far]
            # A smaller FAR has no larger distance, also where the fit takes over.
            found.append(max(0.0, min([distance, *found[-1:]])))
        return found


def _summed(weights: Distances) -> Distances:
    """How much weight the first n have, for n from 0."""
    return np.concatenate([[0.0], np.cumsum(weights)])
