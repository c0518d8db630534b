"""What all groups of settings have in common."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ConfigDict

PREFIX = "SOLOFACE_"


class Section(BaseModel):
    """A group of settings that belong together."""

    model_config = ConfigDict(extra="forbid", frozen=True)


S = TypeVar("S", bound=Section)


def all_or_none(section: S, name: str, *fields: str) -> S:
    """Insist on all of a login's parts or none."""
    missing = [field for field in fields if getattr(section, field) is None]
    if 0 < len(missing) < len(fields):
        variables = ", ".join(f"{PREFIX}{name}__{field.upper()}" for field in missing)
        raise ValueError(f"{variables} is missing")
    return section
