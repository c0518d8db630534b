"""How a variable's text becomes a value, where that takes more than its type."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field


def _split(value: object) -> object:
    if not isinstance(value, str):
        return value
    return [name for part in value.split(",") if (name := part.strip())]


def _a_path(value: Path) -> Path:
    # What X_FILE means is easily mistaken where X itself is a path.
    if "-----BEGIN" in str(value):
        raise ValueError("it must name a file, not hold its content; set it without _FILE")
    return value


Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Names = BeforeValidator(_split)
PemFile = Annotated[Path, AfterValidator(_a_path)]
KeyPrefix = Annotated[str, Field(pattern=r"^[^/\\]")]
Bucket = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")]
