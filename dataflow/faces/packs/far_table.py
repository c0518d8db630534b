"""How near strangers come to each other: the distance that a pack needs for a false accept rate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from math import log10
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dataflow.faces.contract import Contract
from dataflow.faces.packs.manifest import Manifest
from dataflow.faces.packs.tables import shipped_table
from dataflow.jobs.errors import ConfigurationError

Far = Annotated[float, Field(gt=0, lt=1)]
Distance = Annotated[float, Field(ge=0, le=2)]


class Worst(BaseModel):
    """The distance for a false accept rate in the population where it is smallest.

    ``low`` and ``high`` are the ends of its 95 % interval. ``extrapolated``: there were too few
    pairs of strangers to read it off.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    far: Far
    distance: Distance
    low: float
    high: float
    extrapolated: bool
    population: str


Photos = Annotated[int, Field(ge=1)]


class _Several(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    photos: tuple[Photos, Photos]
    worst: tuple[Worst, ...] = Field(min_length=2)


class _Pack(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    worst: tuple[Worst, ...] = Field(min_length=2)
    several: tuple[_Several, ...] = ()


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    packs: tuple[_Pack, ...] = Field(min_length=1, max_length=1)


@dataclass(frozen=True, slots=True)
class FarTable:
    """Distances for false accept rates, the largest rate first; the worst population counts.

    They are of two single photos. ``several`` has the tables of two vectors that are means of so
    many photos, the smaller number first: strangers' means are nearer to each other.
    """

    points: Sequence[Worst]
    several: Mapping[tuple[int, int], FarTable] = field(default_factory=dict)

    @classmethod
    def of(
        cls, points: Iterable[Worst], several: Mapping[tuple[int, int], FarTable] | None = None
    ) -> Self:
        """A table of some rates in any order.

        Raises:
            ValueError: a smaller rate has a larger distance.
        """
        ordered = sorted(points, key=lambda point: point.far, reverse=True)
        if any(below.distance > above.distance for above, below in pairwise(ordered)):
            raise ValueError("a smaller false accept rate needs a smaller distance")
        return cls(tuple(ordered), several or {})

    def between(self, one: int, other: int) -> FarTable:
        """The table of two vectors that are means of so many photos.

        For more than are known that of the most known holds.
        """
        most = max((more for _, more in self.several), default=1)
        fewer, more = sorted((min(one, most), min(other, most)))
        return self.several.get((fewer, more), self)

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
        for above, below in pairwise(self.points):
            if far >= below.far:
                share = log10(far / below.far) / log10(above.far / below.far)
                return below.distance + share * (above.distance - below.distance)
        return self.points[-1].distance


def read_far_table(text: str | bytes, name: str) -> FarTable:
    """Read the table of one pack as ``python -m benchmarks.accuracy --far-table`` writes it.

    Raises:
        ConfigurationError: it is no such table.
    """
    try:
        pack = _File.model_validate_json(text).packs[0]
        several = {
            (min(one.photos), max(one.photos)): FarTable.of(one.worst) for one in pack.several
        }
        return FarTable.of(pack.worst, several)
    except (ValidationError, ValueError) as error:
        first = str(error).partition("\n")[0]
        raise ConfigurationError(f"{name} is no table of false accept rates: {first}") from None


def shipped_far_table(manifest: Manifest | None) -> FarTable | None:
    """The table of an installed pack; ``None``: nothing was measured with its recogniser."""
    return far_table_of_networks(manifest.identity) if manifest else None


def far_table_of_contract(contract: Contract) -> FarTable | None:
    """The same for a pack in memory."""
    return far_table_of_networks(contract.files)


def far_table_of_networks(networks: Iterable[tuple[str, str]]) -> FarTable | None:
    """The same for any pack, by its networks, each with its sha256."""
    file = shipped_table("far", networks)
    return _read(file) if file else None


@lru_cache
def _read(file: Path) -> FarTable:
    return read_far_table(file.read_bytes(), file.name)
