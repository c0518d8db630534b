"""A distance limit that follows from what somebody can bear and from how many users there are."""

from __future__ import annotations

from dataclasses import dataclass
from math import expm1, log1p
from typing import Self

from dataflow.faces.packs.far_table import FarTable

_MOST_DOUBLINGS = 40


def rounded_up(users: int) -> int:
    """The next power of two, so that a limit moves only when the gallery has doubled; at least 1.

    Args:
        users: so many are enrolled.
    """
    return 1 << max(users - 1, 0).bit_length()


def wanted_far(max_fpir: float, users: int) -> float:
    """The false accept rate of one comparison that so many of them, independent, may have.

    Args:
        max_fpir: the share of strangers' photos that may get a wrong tag, in (0, 1).
        users: with so many a photo is compared, at least 1.

    Returns:
        1 - (1 - max_fpir) ** (1 / users), exact for small rates too.
    """
    return -expm1(log1p(-max_fpir) / users)


@dataclass(frozen=True, slots=True)
class Step:
    """What holds for up to so many users.

    ``far`` is the false accept rate that this takes, and ``is_kept`` whether the pack's table
    reaches down to it.
    """

    users: int
    far: float
    distance: float
    is_kept: bool


@dataclass(frozen=True, slots=True)
class FollowingLimit:
    """The distances for 1, 2, 4, 8, … users; the last one also holds for more.

    ``max_fpir`` is what they come from, ``lowest_far`` the smallest false accept rate that the
    pack's table knows. It holds all that a process needs that has no such table.
    """

    max_fpir: float
    lowest_far: float
    distances: tuple[float, ...]

    @classmethod
    def by(cls, table: FarTable, max_fpir: float) -> Self:
        """What the table of a pack makes of it."""
        distances: list[float] = []
        for doublings in range(_MOST_DOUBLINGS):
            far = wanted_far(max_fpir, 1 << doublings)
            distances.append(table.distance(far))
            if far <= table.lowest_far:
                break
        return cls(max_fpir, table.lowest_far, tuple(distances))

    def at(self, users: int) -> Step:
        """The step for so many enrolled users."""
        most = rounded_up(users)
        far = wanted_far(self.max_fpir, most)
        place = min(most.bit_length(), len(self.distances)) - 1
        return Step(most, far, self.distances[place], is_kept=far >= self.lowest_far)


def smaller_of(fixed: float | None, derived: float) -> float:
    """The limit where a distance was set as well."""
    return derived if fixed is None else min(fixed, derived)
