"""The write side: find the nearest users, then store a batch in one short transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from connectors.postgres.connection import Database
from connectors.postgres.gallery.candidates import Judgement, Question, judge
from connectors.postgres.gallery.search import current_plan
from connectors.postgres.gallery.users import require_comparable
from connectors.postgres.photos.registry import past_match
from connectors.postgres.session import sent_together
from connectors.postgres.setup.vectors import require_dimension
from connectors.postgres.sql_files import query
from dataflow.gallery.search import Plan
from dataflow.jobs.delivery import Delivery
from dataflow.jobs.errors import ConfigurationError, DataError, SystemicError
from dataflow.jobs.job import Job
from dataflow.jobs.outcome import Settled
from dataflow.jobs.reason import Reason
from dataflow.process.retry import Persistence
from dataflow.steps.matching import MatchPolicy
from dataflow.steps.request import Recognised

Connection = psycopg.Connection[TupleRow]


@dataclass(frozen=True, slots=True)
class _Proposal:
    """What shall be recorded of a face, unless the database knows better."""

    item: Recognised
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class Recorder:
    """Stores what became of a batch's jobs.

    ``model`` is the contract of their embeddings, ``dimension`` the length that it gives them.
    """

    database: Database
    persistence: Persistence
    policy: MatchPolicy
    model: str
    dimension: int | None = None

    def record(self, items: Sequence[Recognised | Settled]) -> list[Settled]:
        """Commit the batch and say how each job ended. No photo may come twice in it.

        Raises:
            TransientError: the database kept failing; nothing more was stored.
            Stopped: the database is away and a stop was asked for; nothing more was stored.
        """
        try:
            return self.persistence.call(lambda: self._record(items), "PostgreSQL")
        except DataError as error:
            if len(items) > 1:
                # One bad row fails the whole statement: halve until it stands alone.
                middle = len(items) // 2
                return self.record(items[:middle]) + self.record(items[middle:])
            only = items[0]
            if isinstance(only, Settled):
                return [only]
            return self.record([Settled(only.delivery, only.job, error.reason, str(error))])

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()

    def _record(self, items: Sequence[Recognised | Settled]) -> list[Settled]:
        settled = [item for item in items if isinstance(item, Settled)]
        faces = [item for item in items if isinstance(item, Recognised)]
        try:
            return self._decide_and_write(faces, settled)
        except DataError:
            # Vectors of another length than the columns' are refused like any bad row.
            with self.database.connection() as connection:
                self._require_current(connection)
            raise

    def _decide_and_write(
        self, faces: Sequence[Recognised], settled: list[Settled]
    ) -> list[Settled]:
        with self.database.connection() as connection:
            verdicts = self._once(connection, faces, settled)
            while verdicts:
                settled += filter(None, verdicts.values())
                # Their nearest user was deleted, rejected or moved to another model since the
                # search: the next nearest it is.
                gone = [item for item in faces if verdicts.get(item.job.photo_id, item) is None]
                verdicts = self._once(connection, gone, [])
        return settled

    def _once(
        self, connection: Connection, faces: Sequence[Recognised], settled: Sequence[Settled]
    ) -> dict[UUID, Settled | None]:
        """Decide and store in one transaction: a change of the users waits for it, or precedes it.

        Returns what became of each face, or ``None`` where its user is gone.
        """
        outcomes = [(s, s.job) for s in settled if s.job and not s.repeated]
        if not faces:
            if outcomes:
                with sent_together(connection):
                    _lock(connection, [job.photo_id for _, job in outcomes])
                    _store_outcomes(connection, outcomes)
            return {}
        # Not within the transaction: what is set of the session would go back with it.
        plan = current_plan(connection, self.model, faces[0].face.embedding.size)
        with sent_together(connection):
            connection.execute(query("enter_gate"))
            proposals = self._propose(connection, faces, plan)
            recorded = self._write(connection, proposals, outcomes)
        by_photo = {p.item.job.photo_id: p for p in proposals}
        return {row[0]: _verdict(by_photo[row[0]], *row[1:]) for row in recorded}

    def _write(
        self,
        connection: Connection,
        proposals: Sequence[_Proposal],
        outcomes: Sequence[tuple[Settled, Job]],
    ) -> psycopg.Cursor[TupleRow]:
        photo_ids = [p.item.job.photo_id for p in proposals] + [job.photo_id for _, job in outcomes]
        _lock(connection, photo_ids)
        connection.execute(query("say_why"), {"cause": "job", "by": ""})
        rows = _columns(map(_face_row, proposals))
        parameters = {"model": self.model, **self.policy.limits, **rows}
        recorded = connection.execute(query("record_matches"), parameters)
        if outcomes:
            _store_outcomes(connection, outcomes)
        return recorded

    def _propose(
        self, connection: Connection, faces: Sequence[Recognised], plan: Plan
    ) -> list[_Proposal]:
        questions = [Question(item.job.photo_id, item.face.embedding) for item in faces]
        judgements = judge(connection, questions, self.model, self.policy, plan)
        if not all(judgement.nearest for judgement in judgements):
            self._require_current(connection)
        return [_Proposal(*pair) for pair in zip(faces, judgements, strict=True)]

    def _require_current(self, connection: Connection) -> None:
        """Check that the gallery was not moved to another model while we ran.

        Raises:
            SystemicError: it was. No face of ours can be compared any more, so this worker holds.
        """
        try:
            require_comparable(connection, self.model)
            if self.dimension:
                require_dimension(connection, self.dimension)
        except ConfigurationError as error:
            raise SystemicError(str(error)) from None


def record_end(connection: Connection, item: Settled) -> None:
    """Store how one job ended that has no face to record; one that is no job has no row."""
    if item.job:
        with connection.transaction():
            _lock(connection, [item.job.photo_id])
            _store_outcomes(connection, [(item, item.job)])


def _lock(connection: Connection, photo_ids: Sequence[UUID]) -> None:
    connection.execute(query("lock_photos"), {"photo_ids": photo_ids})


def _store_outcomes(connection: Connection, outcomes: Iterable[tuple[Settled, Job]]) -> None:
    rows = [_outcome_row(item, job) for item, job in outcomes]
    connection.execute(query("record_outcomes"), _columns(rows))


def _verdict(
    proposal: _Proposal,
    verdict: str,
    past_reason: str,
    *past: Any,  # noqa: ANN401 - the columns of `past_match`
) -> Settled | None:
    item = proposal.item
    if verdict == "user_gone":
        return None
    if verdict == "repeated":
        match = past_match(*past)
        return Settled(item.delivery, item.job, Reason(past_reason), match=match, repeated=True)
    reason = Reason(verdict)
    match = proposal.judgement.match if reason is proposal.judgement.reason else None
    return Settled(item.delivery, item.job, reason, match=match)


def _columns(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Rows as one array per column: the shape that ``unnest`` takes."""
    columns = defaultdict[str, list[Any]](list)
    for row in rows:
        for name, value in row.items():
            columns[name].append(value)
    return columns


def _face_row(proposal: _Proposal) -> Mapping[str, Any]:
    item, reason, match = proposal.item, proposal.judgement.reason, proposal.judgement.match
    box = item.face.box
    return {
        "photo_id": item.job.photo_id,
        "face_index": item.job.face_index,
        "embedding": item.face.embedding,
        "x1": float(box.x1),
        "y1": float(box.y1),
        "x2": float(box.x2),
        "y2": float(box.y2),
        "det_score": float(item.face.score),
        "quality": Jsonb(asdict(item.face.quality)) if item.face.quality else None,
        "image_ref": item.job.image_ref,
        "reason": str(reason),
        "user_id": match.user_id if match and reason is Reason.MATCHED else None,
        "distance": match.distance if match else None,
        "within_threshold": match.within_threshold if match else None,
        "margin": match.margin if match else None,
        "duplicate_of": item.duplicate_of,
        **proposal.judgement.compared,
        **_delivery_row(item.delivery, item.job),
    }


def _outcome_row(item: Settled, job: Job) -> Mapping[str, Any]:
    return {
        "photo_id": job.photo_id,
        "outcome": str(item.reason.outcome),
        "reason": str(item.reason),
        "detail": item.detail,
        **_delivery_row(item.delivery, job),
    }


def _delivery_row(delivery: Delivery, job: Job) -> Mapping[str, Any]:
    return {
        "job_id": job.job_id,
        "stream_seq": delivery.stream_seq,
        "published_at": delivery.published_at,
        "deliveries": delivery.attempt,
    }
