"""How events of one kind are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import orjson
from rich.table import Table

from soloface.cli.frame.output import printable

if TYPE_CHECKING:
    from connectors.jetstream.letters.following import Told


class View(Protocol):
    """How events of one kind are shown."""

    def kind(self, event: Told) -> tuple[str, str]:
        """What is counted of it, and in which style that is shown."""

    def table(self, told: list[Told]) -> Table:
        """A row for each."""

    def line(self, event: Told) -> str:
        """All of one in a line, for a pipe."""


def text(told: Told, name: str) -> str:
    """A field as a terminal may show it, even if a stranger wrote it."""
    value = told.data.get(name)
    if value is None:
        return ""
    found = value if isinstance(value, str) else orjson.dumps(value).decode()
    return printable(" ".join(found.split()))


def distance(told: Told) -> str:
    """The cosine distance, if there is one."""
    value = told.data.get("distance")
    return f"{value:.4f}" if isinstance(value, int | float) else ""


def line(told: Told, what: str, **parts: str) -> str:
    """When, what, and whatever of the parts there is."""
    shown = " ".join(f"{name}={value}" for name, value in parts.items() if value)
    return f"{told.at.astimezone():%Y-%m-%dT%H:%M:%S%z} {what} {shown}"
