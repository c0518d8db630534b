"""Pairs of photos, one with one: AUC, EER, TAR at a FAR, and the distance for a FAR."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.accuracy.impostors import TABLE_FARS, Impostors
from benchmarks.accuracy.resampling import Estimates, Weights
from dataflow.gallery.calibration import CASES_NEEDED, Distances, Pairs

TAR_FARS = (1e-2, 1e-3, 1e-4)

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
        frozenset(far for far in TABLE_FARS if judge.impostors.is_extrapolated(far)),
        table[:, -1],
    )


class _Judge:
    def __init__(self, pairs: Pairs) -> None:
        order = np.argsort(pairs.genuine, kind="stable")
        self._genuine = pairs.genuine[order]
        self._genuine_owner = pairs.genuine_owner[order]
        distances = pairs.impostor
        self.impostors = Impostors(distances, pairs.impostor_owners, len(distances))
        self._nearer = [
            np.searchsorted(distances, self._genuine, "left"),
            np.searchsorted(distances, self._genuine, "right"),
        ]
        self._impostor_on_grid = np.searchsorted(distances, _GRID, side="right")
        self._genuine_on_grid = np.searchsorted(self._genuine, _GRID, side="right")

    def measures(self, people: Distances, shape: float | None) -> list[float]:
        """AUC, EER, the TARs, the distances and the shape, with people who count so often."""
        impostors = self.impostors.weighed(people)
        genuines = np.concatenate([[0.0], np.cumsum(people[self._genuine_owner])])
        if impostors.is_empty or genuines[-1] <= 0:
            return [float("nan")] * (3 + len(TAR_FARS) + len(TABLE_FARS))
        distances, shape = impostors.table(shape)
        return [
            self._auc(impostors.mass, genuines),
            self._eer(impostors.mass, genuines),
            *(self._tar(impostors.limit(far), genuines) for far in TAR_FARS),
            *distances,
            shape,
        ]

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
