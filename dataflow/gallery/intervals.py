"""How sure a share is that was counted on few cases."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Z_95 = 1.959964
"""Standard deviations on each side of a two-sided 95 % interval."""

ROUNDS = 400
"""So many draws of people give an interval."""


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share; the whole of [0, 1] where nothing was tried."""
    if trials == 0:
        return 0.0, 1.0
    share = hits / trials
    weight = Z_95**2 / trials
    centre = (share + weight / 2) / (1 + weight)
    reach = Z_95 / (1 + weight) * math.sqrt(share * (1 - share) / trials + weight / (4 * trials))
    low = 0.0 if hits == 0 else centre - reach
    high = 1.0 if hits == trials else centre + reach
    return low, high


def counted_95(hits: int, trials: int) -> tuple[float, float]:
    """Wilson's interval; of a share of which no case was seen, up to :func:`most_when_none`."""
    low, high = wilson(hits, trials)
    return low, max(high, most_when_none(trials)) if hits == 0 else high


def most_when_none(trials: int) -> float:
    """The upper 95 % bound of a share of which no case was seen; about 3 / trials."""
    return 1.0 if trials == 0 else float(1 - 0.05 ** (1 / trials))


def person_draws(people: int, seed: int = 0) -> NDArray[np.int64]:
    """How often each person comes in each of :data:`ROUNDS` draws of as many, with replacement.

    They are the same ones each time. Whoever is drawn comes with all photos (bootstrap by person).
    """
    rng = np.random.default_rng(seed)
    return rng.multinomial(people, np.full(people, 1 / people), size=ROUNDS)
