"""Who is it? The decision over the nearest enrolled users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from dataflow.outcome import Match, Reason


@dataclass(frozen=True, slots=True)
class Candidate:
    """An enrolled user and the cosine distance, in [0, 2], to the photo's face."""

    user_id: UUID
    distance: float


@dataclass(frozen=True, slots=True)
class MatchPolicy:
    """When the nearest user is the answer.

    ``threshold`` is the model's calibrated distance and is only reported; ``max_distance`` and
    ``min_margin`` decide, where they are set.
    """

    threshold: float
    max_distance: float | None = None
    min_margin: float | None = None

    def decide(self, nearest: Sequence[Candidate]) -> tuple[Reason, Match | None]:
        """Judge the nearest users, the nearest first; two of them are enough."""
        if not nearest:
            return Reason.NO_ENROLLED_USERS, None
        best = nearest[0]
        match = Match(best.user_id, best.distance, best.distance <= self.threshold)
        if self.max_distance is not None and best.distance > self.max_distance:
            return Reason.NO_USER_WITHIN_DISTANCE, match
        if self.min_margin is not None and len(nearest) > 1:
            margin = nearest[1].distance - best.distance
            if margin < self.min_margin:
                return Reason.AMBIGUOUS, match
        return Reason.MATCHED, match
