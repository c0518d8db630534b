"""How far a stranger stands out from the next users by chance: what a double enrolment exceeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import log
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dataflow.faces.contract import Contract
from dataflow.faces.packs.tables import shipped_table
from dataflow.jobs.errors import ConfigurationError

NEXT = 20
"""With so many users after the nearest one that one is compared."""


class Gap(BaseModel):
    """How much nearer than the next ones the nearest of so many users seldom is by chance.

    ``gap`` is a cosine distance: the mean of the next :data:`NEXT` less the nearest.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    users: Annotated[int, Field(gt=NEXT)]
    gap: Annotated[float, Field(gt=0, lt=2)]


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    gaps: tuple[Gap, ...] = Field(min_length=2)


@dataclass(frozen=True, slots=True)
class GapTable:
    """Gaps for numbers of users, the smallest number first."""

    points: Sequence[Gap]

    @classmethod
    def of(cls, points: Iterable[Gap]) -> Self:
        """A table of gaps in any order.

        Raises:
            ValueError: the gap grows with the number of users.
        """
        ordered = sorted(points, key=lambda point: point.users)
        if any(more.gap > fewer.gap for fewer, more in pairwise(ordered)):
            raise ValueError("among more users the gap is smaller")
        return cls(tuple(ordered))

    def gap(self, users: int) -> float | None:
        """The gap among so many users, linear in their logarithm between two that are known.

        ``None``: so few users tell nothing. Among more than the table knows, the last gap holds,
        which errs on the side of enrolling.
        """
        if users < self.points[0].users:
            return None
        for fewer, more in pairwise(self.points):
            if users <= more.users:
                share = log(users / fewer.users) / log(more.users / fewer.users)
                return fewer.gap + share * (more.gap - fewer.gap)
        return self.points[-1].gap


def read_gap_table(text: str | bytes, name: str) -> GapTable:
    """Read a table as ``python -m benchmarks.enrolment --gap-table`` writes it.

    Raises:
        ConfigurationError: it is no such table.
    """
    try:
        return GapTable.of(_File.model_validate_json(text).gaps)
    except (ValidationError, ValueError) as error:
        first = str(error).partition("\n")[0]
        raise ConfigurationError(f"{name} is no table of gaps: {first}") from None


def shipped_gap_table(contract: Contract) -> GapTable | None:
    """The table of a pack; ``None``: nothing was measured with its recogniser."""
    return gap_table_of_networks(contract.files)


def gap_table_of_networks(networks: Iterable[tuple[str, str]]) -> GapTable | None:
    """The same for any pack, by its networks, each with its sha256."""
    file = shipped_table("gaps", networks)
    return _read(file) if file else None


@lru_cache
def _read(file: Path) -> GapTable:
    return read_gap_table(file.read_bytes(), file.name)
