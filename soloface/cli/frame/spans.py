"""Spans of time as they are written on the command line."""

from __future__ import annotations

import re
from datetime import timedelta

import typer

_SPAN = re.compile(r"(?P<count>[0-9]{1,9})(?P<unit>[smhdw])")
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def read_span(text: str) -> timedelta | None:
    """A span such as 30m, 2h or 3d; ``None`` if it is none.

    Raises:
        OverflowError: it is longer than Python can count.
    """
    if found := _SPAN.fullmatch(text):
        return timedelta(seconds=int(found["count"]) * _UNIT_S[found["unit"]])
    return None


def span(text: str) -> timedelta:
    """A span that somebody gave; a century at most.

    Raises:
        typer.BadParameter: it is none.
    """
    try:
        found = read_span(text)
    except OverflowError:
        found = None
    if not found or found > timedelta(days=36_500):
        raise typer.BadParameter(f"{text!r} is not a span such as 30m, 2h or 3d")
    return found
