"""Who is it? The decision over the nearest enrolled users."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from dataflow.jobs.outcome import Match
from dataflow.jobs.reason import Reason


@dataclass(frozen=True, slots=True)
class Candidate:
    """An enrolled user and the cosine distance, in [0, 2], to the photo's face."""

    user_id: UUID
    distance: float


@dataclass(frozen=True, slots=True)
class Said:
    """What people have said of a photo: whom it shows, and whom it does not."""

    confirmed: UUID | None = None
    rejected: frozenset[UUID] = frozenset()


NOTHING_SAID = Said()


@dataclass(frozen=True, slots=True)
class MatchPolicy:
    """When the nearest user is the answer.

    ``threshold`` is the model's calibrated distance and is only reported; ``max_distance`` and
    ``min_margin`` decide, where they are set. What people have said comes before all of them.
    """

    threshold: float
    max_distance: float | None = None
    min_margin: float | None = None

    @property
    def limits(self) -> dict[str, float | None]:
        """What decides, by the names of the settings."""
        return {"max_distance": self.max_distance, "min_margin": self.min_margin}

    def decide(
        self, nearest: Sequence[Candidate], said: Said = NOTHING_SAID
    ) -> tuple[Reason, Match | None]:
        """Judge the nearest users, the nearest first.

        Two of them are enough, and one more for each user who was rejected. A confirmed user is
        the answer at any distance, and nobody else is while they are not among the candidates.
        """
        if said.confirmed:
            nearest = [user for user in nearest if user.user_id == said.confirmed][:1]
        if not nearest:
            return Reason.NO_ENROLLED_USERS, None
        possible = [user for user in nearest if user.user_id not in said.rejected]
        if not possible:
            return Reason.NO_USER_WITHIN_DISTANCE, None
        best = possible[0]
        margin = possible[1].distance - best.distance if len(possible) > 1 else None
        match = Match(best.user_id, best.distance, best.distance <= self.threshold, margin)
        if said.confirmed:
            return Reason.MATCHED, match
        if self.max_distance is not None and best.distance > self.max_distance:
            return Reason.NO_USER_WITHIN_DISTANCE, match
        if self.min_margin is not None and margin is not None and margin < self.min_margin:
            return Reason.AMBIGUOUS, match
        return Reason.MATCHED, match
