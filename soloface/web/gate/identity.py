"""Who asks, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What somebody may do. The names are stable."""

    FINDER = "finder"
    """Find out whom a photo shows."""
    ENROLLER = "enroller"
    """Enrol users' faces, and erase them."""
    REVIEWER = "reviewer"
    """Look at photos and say whom they show."""


class Way(StrEnum):
    """How somebody is known."""

    TOKEN = "token"  # noqa: S105 - the way, no secret
    SESSION = "session"
    PROXY = "proxy"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody, by the name that their decisions are kept under.

    ``session`` is the cookie's secret part, where there is one: what a form must prove to know.
    """

    name: str
    roles: frozenset[Role]
    way: Way
    session: str = ""


LOCAL = Identity("local", frozenset(Role), Way.LOCAL)
"""Whoever works on this machine, where nobody else can reach the port."""
