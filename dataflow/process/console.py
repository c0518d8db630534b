"""The log as a person reads it in a terminal: what became of a job is one line, the answer first.

The JSON lines have every field; here the line ends where the terminal does.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TextIO

import structlog
from rich.cells import cell_len, set_cell_size
from structlog.typing import EventDict, WrappedLogger

_COLOURS = {
    "matched": "\x1b[32m",
    "skipped": "\x1b[33m",
    "rejected": "\x1b[31m",
    "sent back": "\x1b[35m",
}
_RESET = "\x1b[0m"
_TIME = slice(11, 19)  # of an ISO timestamp, to the second
_TOLD = frozenset(
    {
        *("event", "level", "timestamp", "outcome", "reason", "user_id", "distance", "photo_id"),
        *("stream_seq", "age_s", "detail", "delay_s", "deliveries", "durations", "repeated"),
    }
)


class ConsoleLines:
    """Renders log lines; those about jobs no wider than ``columns()``, if that says how much."""

    def __init__(self, columns: Callable[[], int | None], *, colours: bool) -> None:
        self._columns = columns
        self._colours = colours
        self._others = structlog.dev.ConsoleRenderer(colors=colours)

    def __call__(self, logger: WrappedLogger, name: str, event: EventDict) -> str:
        """Render one line."""
        match event.get("event"):
            case "job_settled":
                outcome, words = str(event.get("outcome")), _settled(event)
            case "job_sent_back":
                outcome, words = "sent back", _sent_back(event)
            case _:
                return str(self._others(logger, name, event))
        time = str(event.get("timestamp", ""))[_TIME]
        line = _harmless(" ".join([time, f"{outcome:8}", *words]))
        columns = self._columns()
        if columns and cell_len(line) > columns:
            line = set_cell_size(line, columns - 1).rstrip() + "…"
        if self._colours:
            colour = _COLOURS.get(outcome, "")
            line = line.replace(outcome, f"{colour}{outcome}{_RESET}", 1)
        return line


def columns_of(stream: TextIO) -> Callable[[], int | None]:
    """How wide a terminal is at the moment; ``None`` where the stream leads to none."""

    def columns() -> int | None:
        try:
            return os.get_terminal_size(stream.fileno()).columns or None
        except (OSError, ValueError):
            return None

    return columns


def _settled(event: EventDict) -> Iterator[str]:
    if event.get("reason") != event.get("outcome"):
        yield str(event.get("reason"))
    if user := event.get("user_id"):
        yield str(user)
    if (distance := event.get("distance")) is not None:
        yield f"at {distance:.4f}"
    yield from _whose(event)
    if "age_s" in event:
        yield f"{event['age_s']:.1f} s"
    if event.get("repeated"):
        yield "repeated"
    yield from _rest(event)


def _sent_back(event: EventDict) -> Iterator[str]:
    yield f"for {event.get('delay_s')} s"
    yield from _whose(event)
    yield from _rest(event)


def _whose(event: EventDict) -> Iterator[str]:
    yield f"photo {event.get('photo_id') or '?'}"
    yield f"#{event.get('stream_seq')}"
    if event.get("deliveries", 1) > 1:
        yield f"delivery {event['deliveries']}"


def _rest(event: EventDict) -> Iterator[str]:
    """What there may be room for: why, and the other fields."""
    if detail := event.get("detail"):
        yield str(detail)
    for name, value in event.items():
        if name not in _TOLD and not name.startswith("_") and value is not None:
            yield f"{name}={value}"


def _harmless(text: str) -> str:
    """A terminal may obey what a publisher has written."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
