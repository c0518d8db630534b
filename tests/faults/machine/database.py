"""A small model of the database: its unique keys, and what sql/queries decide over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from dataflow.jobs.outcome import Match, Settled
from dataflow.jobs.reason import Reason
from dataflow.steps.guardrails import PastOutcome, PhotoState
from dataflow.steps.matching import Candidate, MatchPolicy
from dataflow.steps.request import Recognised
from tests.builders import PUBLISHED, user

POLICY = MatchPolicy(threshold=0.4)
_WITHOUT_AN_ANSWER = {Reason.ALREADY_MATCHED, Reason.DUPLICATE_IN_FLIGHT}


@dataclass(frozen=True, slots=True)
class Row:
    """Of face_match_outcomes."""

    stream_seq: int
    published_at: datetime
    settled_at: datetime
    reason: Reason
    match: Match | None


@dataclass(slots=True)
class SimulatedDatabase:
    """``outcomes`` has one row for a photo, ``faces`` one for a photo and index.

    ``matches`` counts the rows of face_matches for each face, of which it allows one.
    """

    photos: set[UUID] = field(default_factory=set)
    outcomes: dict[UUID, Row] = field(default_factory=dict)
    faces: set[tuple[UUID, int]] = field(default_factory=set)
    matches: dict[tuple[UUID, int], UUID] = field(default_factory=dict)
    now: datetime = PUBLISHED

    def states(self, photo_ids: Sequence[UUID]) -> Mapping[UUID, PhotoState]:
        """photo_states.sql."""
        return {photo_id: self._state(photo_id) for photo_id in photo_ids}

    def _state(self, photo_id: UUID) -> PhotoState:
        row = self.outcomes.get(photo_id)
        past = None
        if row:
            past = PastOutcome(row.stream_seq, row.published_at, row.reason, "", row.match)
        return PhotoState(photo_id in self.photos, self._is_matched(photo_id), past)

    def record(self, items: Sequence[Recognised | Settled]) -> list[Settled]:
        """What record_matches.sql and record_outcomes.sql do, in one transaction."""
        self.now += timedelta(seconds=1)
        photo_ids = [item.job.photo_id for item in items if item.job]
        assert len(photo_ids) == len(set(photo_ids)), "a photo comes twice in a transaction"
        settled = [item for item in items if isinstance(item, Settled)]
        for item in settled:
            self._record_outcome(item)
        return settled + [self._record_face(i) for i in items if isinstance(i, Recognised)]

    def _record_outcome(self, item: Settled) -> None:
        if item.job is None or item.repeated:
            return
        photo_id = item.job.photo_id
        row = self.outcomes.get(photo_id)
        keeps = row is not None and (
            item.reason is Reason.ALREADY_MATCHED
            or (row.reason is Reason.MATCHED and self._is_matched(photo_id))
        )
        if not keeps:
            self._put(photo_id, item)

    def _record_face(self, item: Recognised) -> Settled:
        photo_id, delivery = item.job.photo_id, item.delivery
        past = self.outcomes.get(photo_id)
        reason, match = POLICY.decide([Candidate(user(1), 0.1)])
        same = past and (past.stream_seq, past.published_at) == (
            delivery.stream_seq,
            delivery.published_at,
        )
        if photo_id not in self.photos:
            reason, match = Reason.PHOTO_NOT_FOUND, None
        elif past and same:
            return Settled(delivery, item.job, past.reason, match=past.match, repeated=True)
        elif (
            past
            and past.stream_seq == item.duplicate_of
            and delivery.published_at < past.settled_at
        ):
            reason, match = Reason.DUPLICATE_IN_FLIGHT, None
        elif self._is_matched(photo_id):
            reason, match = Reason.ALREADY_MATCHED, None
        settled = Settled(delivery, item.job, reason, match=match)
        if match:
            face = (photo_id, item.job.face_index)
            self.faces.add(face)
            assert face not in self.matches, "unique (photo_face_id)"
            self.matches[face] = match.user_id
        if past is None or reason not in _WITHOUT_AN_ANSWER:
            self._put(photo_id, settled)
        return settled

    def _put(self, photo_id: UUID, item: Settled) -> None:
        delivery = item.delivery
        self.outcomes[photo_id] = Row(
            delivery.stream_seq, delivery.published_at, self.now, item.reason, item.match
        )

    def _is_matched(self, photo_id: UUID) -> bool:
        return any(matched == photo_id for matched, _ in self.matches)
