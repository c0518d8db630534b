"""How near a new user may come to another one before they are taken for one person."""

from __future__ import annotations

from dataclasses import dataclass

from dataflow.faces.packs.far_table import FarTable

EXPECTED_CLASHES = 0.02
"""How many of the enrolled users may be nearer than the limit to a new one by chance alone."""


@dataclass(frozen=True, slots=True)
class ClashLimit:
    """A cosine distance; a user who is nearer than that to another one is refused.

    It follows from how many users there are, by the pack's ``table``, and is at most the pack's
    ``threshold``: nearer users than that are named, but may be two people. ``fixed`` is a distance
    that was set. Without either it is the threshold.
    """

    threshold: float
    table: FarTable | None = None
    fixed: float | None = None

    def distance(self, users: int) -> float:
        """The limit where a user is compared with so many others."""
        if self.fixed is not None:
            return self.fixed
        if self.table is None:
            return self.threshold
        return min(self.threshold, self.table.distance(EXPECTED_CLASHES / max(users, 1)))
