"""The lowest distances of different people, beyond where there are pairs enough to count.

Excesses over a high level follow a generalised Pareto distribution, whatever the whole follows
(Pickands 1975); its two parameters come from probability-weighted moments (Hosking and Wallis
1987), which are steady for few cases.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dataflow.gallery.calibration import Distances

CASES = 10
"""Where fewer are expected, the fit tells the distance and not the pairs."""

_SHARE, _LEAST, _MOST_SHARE = 0.005, 200, 0.05
_NEARLY_EXPONENTIAL = 1e-6


def tail_share(pairs: int) -> float:
    """Which share of so many pairs, the lowest, the fit is made on."""
    return min(_MOST_SHARE, max(_SHARE, _LEAST / pairs))


@dataclass(frozen=True, slots=True)
class Tail:
    """A generalised Pareto distribution of how far distances lie below a level.

    ``share`` of all distances lie there. ``shape`` above 0 is a tail without end, below 0 one that
    ends.
    """

    level: float
    share: float
    scale: float
    shape: float

    def distance(self, far: float) -> float:
        """The distance that this share of all pairs does not exceed; at most the level, at least 0.

        ``far`` lies above 0.
        """
        reach = np.log(max(1.0, self.share / far))
        if abs(self.shape) > _NEARLY_EXPONENTIAL:
            reach = np.expm1(self.shape * reach) / self.shape
        return float(max(0.0, self.level - self.scale * reach))


def fit(distances: Distances, weights: Distances, share: float, shape: float | None = None) -> Tail:
    """Fit the lowest share of distances, which are sorted and count as often as their weight.

    With few distances the shape is little better than a guess: give that of more of their kind, and
    only the scale is fitted.
    """
    mass = np.cumsum(weights)
    whole = mass[-1]
    count = max(2, int(np.searchsorted(mass, share * whole, side="right")))
    level = float(distances[min(count, len(distances) - 1)])
    excess = np.maximum(0, level - distances[:count])
    mine, below = weights[:count], mass[:count]
    inside = max(float(below[-1]), np.finfo(float).tiny)
    mean = float(mine @ excess) / inside
    if shape is not None:
        return Tail(level, inside / whole, mean * (1 - shape), shape)
    # The plotting position of Hosking and Wallis, seen from the far end.
    rest = np.maximum(0, below - 0.65 * mine) / inside
    second = float(mine @ (excess * rest)) / inside
    bend = mean - 2 * second
    if mean <= 0 or bend <= 0:
        return Tail(level, inside / whole, max(mean, 0.0), 0.0)
    return Tail(level, inside / whole, 2 * mean * second / bend, 2 - mean / bend)
