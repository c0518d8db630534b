"""How near a new user may come to another one before they are taken for one person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dataflow.faces.packs.far_table import FarTable
from dataflow.faces.packs.gap_table import NEXT, GapTable

EXPECTED_CLASHES = 0.02
"""How many of the enrolled users may be nearer than the limit to a new one by chance alone."""


@dataclass(frozen=True, slots=True)
class ClashLimit:
    """Says which new users are refused because they look like another one.

    A user is refused who is nearer to another than a cosine distance that follows from how many
    users there are, by the pack's ``table``, and is at most the pack's ``threshold``. One who is
    farther is refused if the other one stands out: is within the threshold, and nearer than the
    next users by the gap that the pack's ``gaps`` have for so many users.

    ``fixed`` is a distance that was set: then it alone counts. Without any of them it is the
    threshold.
    """

    threshold: float
    table: FarTable | None = None
    fixed: float | None = None
    gaps: GapTable | None = None

    def refuses(self, near: Sequence[float], users: int) -> bool:
        """Whether a new user is refused.

        Args:
            near: cosine distances to the nearest other users, the nearest first;
                1 + :data:`~dataflow.faces.packs.gap_table.NEXT` of them, or all.
            users: with so many the new one is compared.
        """
        return bool(near) and (near[0] < self.distance(users) or self._stands_out(near, users))

    def distance(self, users: int) -> float:
        """The distance below which a user is refused, where compared with so many others."""
        if self.fixed is not None:
            return self.fixed
        if self.table is None:
            return self.threshold
        return min(self.threshold, self.table.distance(EXPECTED_CLASHES / max(users, 1)))

    def _stands_out(self, near: Sequence[float], users: int) -> bool:
        nearest, following = near[0], near[1 : 1 + NEXT]
        if self.fixed is not None or self.gaps is None or len(following) < NEXT:
            return False
        gap = self.gaps.gap(users)
        return gap is not None and nearest < min(self.threshold, sum(following) / NEXT - gap)
