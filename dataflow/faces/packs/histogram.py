"""How far photos of one person and of two are apart, as it was measured with a pack."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dataflow.faces.contract import Contract
from dataflow.faces.packs.tables import shipped_table
from dataflow.jobs.errors import ConfigurationError

Count = Annotated[int, Field(ge=0)]


class DistanceHistogram(BaseModel):
    """Pairs of photos by their cosine distance: place n counts those from n to n + 1 ``width``.

    ``genuine`` are pairs of photos of one person, ``impostor`` those of two people. ``sets`` names
    the collections of photos.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    contract: str
    sets: tuple[str, ...]
    people: Count
    photos: Count
    width: Annotated[float, Field(gt=0, le=0.5)]
    genuine: tuple[Count, ...]
    impostor: tuple[Count, ...]

    @model_validator(mode="after")
    def _counts_something(self) -> Self:
        if not (sum(self.genuine) and sum(self.impostor)):
            raise ValueError("it counts no pairs of one person, or none of two")
        return self


def read_histogram(text: str | bytes, name: str) -> DistanceHistogram:
    """Read a histogram as ``python -m benchmarks.accuracy --histogram`` writes it.

    Raises:
        ConfigurationError: it is no such histogram.
    """
    try:
        return DistanceHistogram.model_validate_json(text)
    except ValidationError as error:
        first = str(error).partition("\n")[0]
        raise ConfigurationError(f"{name} is no histogram of distances: {first}") from None


def shipped_histogram(contract: Contract) -> DistanceHistogram | None:
    """The histogram of a pack; ``None``: nothing was measured with its recogniser."""
    file = shipped_table("distances", contract.files)
    return _read(file) if file else None


@lru_cache
def _read(file: Path) -> DistanceHistogram:
    return read_histogram(file.read_bytes(), file.name)
