"""By which limits faces are decided: those that belong to no gallery, and those of each gallery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dataflow.steps.matching import MatchPolicy


@dataclass(frozen=True, slots=True)
class Policies:
    """One limit for all faces, or where it follows the number of users, one for each gallery.

    ``everybody`` holds for faces without a gallery. ``elsewhere`` holds for those of a gallery that
    is not among ``galleries``; ``None``: the same.
    """

    everybody: MatchPolicy
    galleries: Mapping[str, MatchPolicy] = field(default_factory=dict)
    elsewhere: MatchPolicy | None = None

    def of(self, gallery: str | None) -> MatchPolicy:
        """What decides in a gallery; ``None``: on faces that belong to none."""
        if gallery is None:
            return self.everybody
        return self.galleries.get(gallery, self.elsewhere or self.everybody)
