"""Which distance keeps to a FAR, by population, and in the worst of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.accuracy.impostors import TABLE_FARS
from benchmarks.accuracy.judging import Judged
from benchmarks.accuracy.resampling import Estimates, Figure, figure

FEWEST_PEOPLE = 10
"""A set with fewer people is no population: it does not count as the worst."""

WORST = "the worst of these"

PhotoCounts = tuple[int, int]
"""Of how many photos two vectors are the means, the smaller number first."""


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
        limits(name, verified.distance, verified.extrapolated),
    )


def limits(
    population: str, distances: Mapping[float, Estimates], extrapolated: Collection[float]
) -> list[Limit]:
    """One for each FAR of the table."""
    return [
        _limit(far, figure(distances[far]), far in extrapolated, population) for far in TABLE_FARS
    ]


def worst(populations: Sequence[Population]) -> list[Limit]:
    """For each FAR the limit of the set where it is the smallest; none if all are too small."""
    return worst_of([one.limits for one in populations if one.people >= FEWEST_PEOPLE])


def worst_of(tables: Sequence[Sequence[Limit]]) -> list[Limit]:
    """For each FAR the smallest of several limits."""
    return [min(found, key=lambda limit: limit.distance) for found in zip(*tables, strict=True)]


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
    pack: str,
    contract: str,
    threshold: float,
    populations: Sequence[Population],
    several: Mapping[PhotoCounts, Sequence[Limit]],
) -> dict[str, object]:
    """For a file that a program reads.

    Args:
        pack: by name.
        contract: its id.
        threshold: the distance that the pack ships.
        populations: their limits between single photos.
        several: the worst population's limits between means of so many photos.
    """
    return {
        "pack": pack,
        "contract": contract,
        "threshold": threshold,
        "worst": _rows(worst(populations)),
        "several": [
            {"photos": photos, "worst": _rows(limits)} for photos, limits in several.items()
        ],
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


def _rows(limits: Sequence[Limit]) -> list[dict[str, object]]:
    return [_row(limit) | {"population": limit.population} for limit in limits]


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
