"""Which distance keeps to a FAR, by population, and in the worst of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.accuracy.judging import Judged
from benchmarks.accuracy.resampling import Figure, figure
from benchmarks.accuracy.verification import TABLE_FARS

FEWEST_PEOPLE = 10
"""A set with fewer people is no population: it does not count as the worst."""

WORST = "the worst of these"


@dataclass(frozen=True, slots=True)
class Limit:
    """The largest distance at which a population keeps to a FAR, and its 95 % interval."""

    far: float
    distance: float
    low: float
    high: float
    extrapolated: bool
    population: str


@dataclass(frozen=True, slots=True)
class Population:
    """The limits of one set, the largest FAR first."""

    name: str
    people: int
    photos: int
    pairs: int
    limits: Sequence[Limit]


def population(judged: Judged) -> Population:
    """The limits of one set."""
    verified, name = judged.verification, judged.faces.name
    return Population(
        name,
        len(judged.faces.names),
        len(judged.faces.people),
        judged.impostor_pairs,
        [
            _limit(far, figure(verified.distance[far]), far in verified.extrapolated, name)
            for far in TABLE_FARS
        ],
    )


def worst(populations: Sequence[Population]) -> list[Limit]:
    """For each FAR the limit of the set where it is the smallest; none if all are too small."""
    large = [one for one in populations if one.people >= FEWEST_PEOPLE]
    if not large:
        return []
    return [
        min(limits, key=lambda limit: limit.distance)
        for limits in zip(*(one.limits for one in large), strict=True)
    ]


def distance_for(limits: Sequence[Limit], far: float) -> float:
    """The distance for any FAR: on a straight line between those of the table, by the logarithm.

    Below the table's smallest FAR that of the smallest counts.
    """
    known = sorted(limits, key=lambda limit: limit.far)
    return float(
        np.interp(
            np.log(far), np.log([limit.far for limit in known]), [limit.distance for limit in known]
        )
    )


def as_dict(
    pack: str, contract: str, threshold: float, populations: Sequence[Population]
) -> dict[str, object]:
    """For a file that a program reads."""
    return {
        "pack": pack,
        "contract": contract,
        "threshold": threshold,
        "worst": [_row(limit) | {"population": limit.population} for limit in worst(populations)],
        "populations": [
            {
                "name": one.name,
                "people": one.people,
                "photos": one.photos,
                "pairs": one.pairs,
                "limits": [_row(limit) for limit in one.limits],
            }
            for one in populations
        ],
    }


def _row(limit: Limit) -> dict[str, object]:
    return {
        "far": limit.far,
        "distance": round(limit.distance, 4),
        "low": round(limit.low, 4),
        "high": round(limit.high, 4),
        "extrapolated": limit.extrapolated,
    }


def _limit(far: float, distance: Figure, extrapolated: bool, name: str) -> Limit:  # noqa: FBT001
    return Limit(far, distance.value, distance.low, distance.high, extrapolated, name)
