"""How near strangers come to each other: the distance that a pack needs for a false accept rate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from math import log10
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dataflow.faces.packs.manifest import Manifest
from dataflow.jobs.errors import ConfigurationError

_DLIB_RESNET = "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"

SHIPPED = {_DLIB_RESNET: "far_open-dlib.json"}
"""The tables that come with the program, by the sha256 of the recogniser that they were measured
with: a pack may be renamed, its network stays what it is."""

Far = Annotated[float, Field(gt=0, lt=1)]
Distance = Annotated[float, Field(ge=0, le=2)]


class Point(BaseModel):
    """The distance up to which a share ``far`` of a population's pairs of strangers lie.

    ``low`` and ``high`` are the ends of its 95 % interval. ``extrapolated``: there were too few
    pairs to read it off.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    far: Far
    distance: Distance
    low: Distance
    high: Distance
    extrapolated: bool


class Population(BaseModel):
    """People who are alike, as far as is known, and what was measured of them."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str
    people: int
    pairs: int
    points: tuple[Point, ...] = Field(min_length=2)


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    pack: str
    populations: tuple[Population, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Worst:
    """The distance for a false accept rate in the population where it is smallest."""

    far: float
    distance: float
    population: str
    extrapolated: bool


@dataclass(frozen=True, slots=True)
class FarTable:
    """Distances for false accept rates, the largest rate first; the worst population counts."""

    points: Sequence[Worst]

    @classmethod
    def of(cls, populations: Iterable[Population]) -> Self:
        """The worst of some populations at each rate for which all of them have a distance.

        Raises:
            ValueError: fewer than two rates are left, or a smaller rate has a larger distance.
        """
        by_name = {p.name: {point.far: point for point in p.points} for p in populations}
        shared = set.intersection(*(set(points) for points in by_name.values()))
        worst = []
        for far in sorted(shared, reverse=True):
            name, points = min(by_name.items(), key=lambda item: item[1][far].distance)
            point = points[far]
            worst.append(Worst(far, point.distance, name, point.extrapolated))
        distances = [point.distance for point in worst]
        if len(worst) <= 1 or distances != sorted(distances, reverse=True):
            raise ValueError("a smaller false accept rate needs a smaller distance")
        return cls(tuple(worst))

    @property
    def lowest_far(self) -> float:
        """The smallest rate whose distance is known; for less, that distance holds too."""
        return self.points[-1].far

    def distance(self, far: float) -> float:
        """The cosine distance for a rate, linear in its logarithm between two that are known.

        Nothing is guessed beyond the ends: there the distance of the end holds.
        """
        if far >= self.points[0].far:
            return self.points[0].distance
        for above, below in zip(self.points, self.points[1:], strict=False):
            if far >= below.far:
                share = log10(far / below.far) / log10(above.far / below.far)
                return below.distance + share * (above.distance - below.distance)
        return self.points[-1].distance


def read_far_table(text: str | bytes, name: str) -> FarTable:
    """Read a table as ``python -m benchmarks.accuracy --far-table`` writes it.

    Raises:
        ConfigurationError: it is no such table.
    """
    try:
        return FarTable.of(_File.model_validate_json(text).populations)
    except (ValidationError, ValueError) as error:
        first = str(error).partition("\n")[0]
        raise ConfigurationError(f"{name} is no table of false accept rates: {first}") from None


def shipped_far_table(manifest: Manifest | None) -> FarTable | None:
    """The table of an installed pack; ``None``: nothing was measured with its recogniser."""
    if manifest is None:
        return None
    known = [SHIPPED[sha256] for _, sha256 in manifest.identity if sha256 in SHIPPED]
    return _shipped(known[0]) if known else None


@lru_cache
def _shipped(name: str) -> FarTable:
    path = Path(str(files("dataflow.faces.packs"))) / "data" / name
    return read_far_table(path.read_bytes(), name)
