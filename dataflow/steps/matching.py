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
    """What people have said of a photo: whom it shows, and whom it does not.

    ``nobody``: it shows nobody who is to be tagged. ``face_index`` is which of several faces shows
    the confirmed user, where that was said.
    """

    confirmed: UUID | None = None
    rejected: frozenset[UUID] = frozenset()
    nobody: bool = False
    face_index: int | None = None


NOTHING_SAID = Said()

NEAR_MISS = 0.15
"""How far beyond its limit a distance is still of interest to people, as cosine distance."""

DOUBT = 0.05
"""How near to a limit an answer is doubtful, as cosine distance: people look at it first."""


@dataclass(frozen=True, slots=True)
class MatchPolicy:
    """When the nearest user is the answer.

    ``threshold`` is the model's calibrated distance and is only reported; ``max_distance`` and
    ``min_margin`` decide, where they are set. With ``gallery_required``, nobody is looked for on a
    face that belongs to no gallery. What people have said comes before all of them.
    """

    threshold: float
    max_distance: float | None = None
    min_margin: float | None = None
    gallery_required: bool = False

    @property
    def limits(self) -> dict[str, float | None]:
        """What decides, by the names of the settings."""
        return {"max_distance": self.max_distance, "min_margin": self.min_margin}

    @property
    def farthest(self) -> float:
        """The largest distance at which two faces are taken for one person."""
        return self.threshold if self.max_distance is None else self.max_distance

    @property
    def reach(self) -> float:
        """The distance beyond which a user changes no answer, and is no near miss either."""
        if self.max_distance is None:
            return float("inf")
        return self.max_distance + max(self.min_margin or 0, NEAR_MISS)

    def decide(
        self,
        nearest: Sequence[Candidate],
        said: Said = NOTHING_SAID,
        gallery: str | None = None,
    ) -> tuple[Reason, Match | None]:
        """Judge the nearest users of a face in a gallery, the nearest first.

        Two of them are enough, and one more for each user who was rejected. A confirmed user is
        the answer at any distance, and also without one: where they are not among the candidates.
        """
        if said.nobody:
            return Reason.NOBODY, None
        if said.confirmed:
            return Reason.MATCHED, self._named(said.confirmed, nearest)
        if self.gallery_required and gallery is None:
            return Reason.MISSING_GALLERY, None
        if not nearest:
            return Reason.NO_ENROLLED_USERS, None
        possible = not_rejected(nearest, said)
        if not possible:
            return Reason.NO_USER_WITHIN_DISTANCE, None
        best = possible[0]
        margin = possible[1].distance - best.distance if len(possible) > 1 else None
        match = Match(best.user_id, best.distance, best.distance <= self.threshold, margin)
        if self.max_distance is not None and best.distance > self.max_distance:
            return Reason.NO_USER_WITHIN_DISTANCE, match
        if self.min_margin is not None and margin is not None and margin < self.min_margin:
            return Reason.AMBIGUOUS, match
        return Reason.MATCHED, match

    def _named(self, user_id: UUID, nearest: Sequence[Candidate]) -> Match:
        for user in nearest:
            if user.user_id == user_id:
                return Match(user_id, user.distance, user.distance <= self.threshold)
        return Match(user_id, None, None)


def not_rejected(nearest: Sequence[Candidate], said: Said) -> list[Candidate]:
    """Those of whom nobody has said that it is not them."""
    return [user for user in nearest if user.user_id not in said.rejected]
