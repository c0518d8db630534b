"""How near a new user may come to another one before they are taken for one person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dataflow.faces.packs.far_table import FarTable
from dataflow.faces.packs.gap_table import NEXT, GapTable

EXPECTED_CLASHES = 0.02
"""How many of the enrolled users may be nearer than the limit to a new one by chance alone."""


@dataclass(frozen=True, slots=True)
class Near:
    """Another user: the cosine distance, and of how many photos their vector is the mean."""

    distance: float
    photos: int = 1


@dataclass(frozen=True, slots=True)
class ClashLimit:
    """Says which new users are refused because they look like another one.

    A user is refused who is nearer to another than a cosine distance that follows from how many
    users there are, and from how many photos both have, by the pack's ``table``; it is at most the
    pack's ``threshold``. One who is farther is refused if the nearest one stands out: is within the
    threshold, and nearer than the next users by the gap that the pack's ``gaps`` have for so many
    users.

    ``fixed`` is a distance that was set: then it alone counts. Without any of them it is the
    threshold.
    """

    threshold: float
    table: FarTable | None = None
    fixed: float | None = None
    gaps: GapTable | None = None

    def clash(self, near: Sequence[Near], users: int, photos: int = 1) -> int | None:
        """The place of the user for whom a new one is refused; ``None``: for nobody.

        Args:
            near: the nearest other users, the nearest first;
                1 + :data:`~dataflow.faces.packs.gap_table.NEXT` of them, or all.
            users: with so many the new one is compared.
            photos: of so many the new one's vector is the mean.
        """
        counts = {other.photos for other in near}
        limits = {count: self.distance(users, photos, count) for count in counts}
        for place, other in enumerate(near):
            if other.distance < limits[other.photos]:
                return place
        return 0 if self._stands_out([other.distance for other in near], users) else None

    def distance(self, users: int, photos: int = 1, others_photos: int = 1) -> float:
        """The distance below which a user is refused, where compared with so many others.

        The photos are those that the vectors of the two are the means of.
        """
        if self.fixed is not None:
            return self.fixed
        if self.table is None:
            return self.threshold
        table = self.table.between(photos, others_photos)
        return min(self.threshold, table.distance(EXPECTED_CLASHES / max(users, 1)))

    def _stands_out(self, near: Sequence[float], users: int) -> bool:
        following = near[1 : 1 + NEXT]
        if self.fixed is not None or self.gaps is None or len(following) < NEXT:
            return False
        gap = self.gaps.gap(users)
        return gap is not None and near[0] < min(self.threshold, sum(following) / NEXT - gap)
