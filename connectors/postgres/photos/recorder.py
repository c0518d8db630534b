"""The write side: find the nearest users, then store a batch in one short transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow
from psycopg.types.json import Jsonb

from connectors.postgres.connection import Database
from connectors.postgres.gallery.candidates import Judgement, Question, candidates, judged
from connectors.postgres.gallery.memory import GalleryMemory
from connectors.postgres.gallery.search import current_plan
from connectors.postgres.gallery.users import require_comparable
from connectors.postgres.photos.ended import Ended, columns, lock, store
from connectors.postgres.photos.limits import asked_limits, limits_in, policies
from connectors.postgres.photos.registry import past_match
from connectors.postgres.session import asked_together, sent_together
from connectors.postgres.setup.vectors import require_dimension
from connectors.postgres.sql_files import query
from dataflow.gallery.search import Plan
from dataflow.jobs.errors import ConfigurationError, DataError, SystemicError
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

    ``model`` is the contract of their embeddings, ``dimension`` the length that it gives them. It
    matches by the limits that are noted for the contract, and by ``policy`` where none are, among
    the users that ``memory`` holds, where there is one.
    """

    database: Database
    persistence: Persistence
    policy: MatchPolicy
    model: str
    dimension: int | None = None
    memory: GalleryMemory | None = None

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
        if not faces:
            if ended := [Ended(item, item.job) for item in settled if item.job]:
                with sent_together(connection):
                    connection.execute(query("say_why"), {"cause": "job", "by": ""})
                    lock(connection, [one.job.photo_id for one in ended])
                    store(connection, ended)
            return {}
        # Not within the transaction: what is set of the session would go back with it.
        plan = Plan(0)
        if self.memory or not all(item.job.gallery for item in faces):
            dimension = faces[0].face.embedding.size
            plan = current_plan(connection, self.model, dimension, self.memory)
        with sent_together(connection):
            connection.execute(query("enter_gate"))
            proposals = self._propose(connection, faces, plan)
            return self._write(connection, proposals, settled)

    def _write(
        self, connection: Connection, proposals: Sequence[_Proposal], settled: Sequence[Settled]
    ) -> dict[UUID, Settled | None]:
        ended = [Ended(item, item.job) for item in settled if item.job]
        photo_ids = [one.job.photo_id for one in ended]
        rows = columns(map(_face_row, proposals))
        connection.execute(query("lock_tagged"), {"user_ids": rows["user_id"]})
        parameters = {"model": self.model, **rows}
        with asked_together(connection):
            lock(connection, [p.item.job.photo_id for p in proposals] + photo_ids)
            connection.execute(query("say_why"), {"cause": "job", "by": ""})
            recorded = connection.execute(query("record_matches"), parameters)
        by_photo = {p.item.job.photo_id: p for p in proposals}
        verdicts: dict[UUID, Settled | None] = {}
        for photo_id, verdict, *past in recorded:
            proposal = by_photo[photo_id]
            answer = verdicts[photo_id] = _verdict(proposal, verdict, *past)
            if answer:
                compared = proposal.judgement.compared if answer.match else {}
                ended.append(Ended(answer, proposal.item.job, self.model, compared))
        store(connection, ended)
        self._note_withdrawn(connection, [p for p in proposals if _is_withdrawn(p, verdicts)])
        return verdicts

    @staticmethod
    def _note_withdrawn(connection: Connection, proposals: Sequence[_Proposal]) -> None:
        rows = columns(map(_face_row, proposals))
        if rows:
            noted = {"photo_id": rows["photo_id"], "user_id": rows["user_id"]}
            connection.execute(query("note_withdrawn"), noted)

    def _propose(
        self, connection: Connection, faces: Sequence[Recognised], plan: Plan
    ) -> list[_Proposal]:
        questions = [
            Question(item.job.photo_id, item.face.embedding, item.job.gallery) for item in faces
        ]
        limits = asked_limits(connection, self.model)
        required = self.policy.gallery_required
        found = candidates(connection, questions, self.model, plan, gallery_required=required)
        noted = limits_in(limits)
        policy = noted.policy if noted else self.policy
        galleries = {item.job.gallery for item in faces}
        judgements = judged(found, policies(connection, noted, policy, galleries))
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
            lock(connection, [item.job.photo_id])
            store(connection, [Ended(item, item.job)])


def _is_withdrawn(proposal: _Proposal, verdicts: Mapping[UUID, Settled | None]) -> bool:
    answer = verdicts.get(proposal.item.job.photo_id)
    return answer is not None and answer.reason is Reason.WITHDRAWN


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
        "margin": match.margin if match else None,
        "duplicate_of": item.duplicate_of,
        "stream_seq": item.delivery.stream_seq,
        "published_at": item.delivery.published_at,
        "nearest_user_id": match.user_id if match else None,
        "second_user_id": proposal.judgement.compared["second_user_id"],
        "gallery": item.job.gallery,
    }
