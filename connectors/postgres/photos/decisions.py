"""What people say of a match: it is kept for ever, and takes effect at once."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow

from connectors.postgres.connection import Database
from connectors.postgres.gallery.candidates import Question, candidates
from connectors.postgres.sql_files import query
from dataflow.faces.face import Embedding
from dataflow.jobs.errors import ConfigurationError
from dataflow.jobs.outcome import Match
from dataflow.jobs.reason import Outcome, Reason
from dataflow.steps.matching import MatchPolicy

Connection = psycopg.Connection[TupleRow]


class Word(StrEnum):
    """What can be said of a photo and a user."""

    CONFIRMED = "confirmed"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Decision:
    """Somebody's word; ``by`` is whose, as far as it is known."""

    photo_id: UUID
    user_id: UUID
    word: Word
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """Who is recorded for the photo now, and who was before; ``None``: nobody."""

    before: UUID | None
    now: UUID | None
    reason: Reason | None
    match: Match | None


@dataclass(frozen=True, slots=True)
class _Face:
    id: UUID
    face_index: int
    embedding: Embedding | None
    model: str
    user_id: UUID | None


@dataclass(frozen=True, slots=True)
class Decisions:
    """Takes decisions and brings the recorded matches into line with them, by ``policy``."""

    database: Database
    policy: MatchPolicy

    def take(self, decision: Decision, face_index: int | None = None) -> Effect:
        """Keep a decision and let the photo's match follow, in one transaction.

        A rejected match is removed, and the next nearest user is considered by the vector that is
        stored with the face. A confirmed user is recorded, in place of anybody else. Where that
        cannot be done yet, as the photo has no face or the face no vector of the users' model, the
        photo's next job will.

        Args:
            decision: who is, or is not, on which photo.
            face_index: which of several faces is meant.

        Raises:
            ConfigurationError: there is no such photo, user or face, or several faces.
        """
        keys = {"photo_id": decision.photo_id}
        with self.database.connection() as connection, connection.transaction():
            # The worker waits for it too, and sees the decision before it records anything.
            locked = connection.execute(query("lock_photos"), {"photo_ids": [decision.photo_id]})
            if locked.fetchone() is None:
                raise ConfigurationError(f"there is no photo {decision.photo_id}")
            self._save(connection, decision)
            rows = connection.execute(query("photo_matches"), keys).fetchall()
            faces = [_Face(i, n, v and v.to_numpy(), m, u) for i, n, v, m, u in rows]
            face = _meant(faces, decision, face_index)
            if face is None:
                return Effect(None, None, None, None)
            if not _is_concerned(face, decision):
                return Effect(face.user_id, face.user_id, None, None)
            if face.user_id:
                connection.execute("delete from face_matches where photo_face_id = %s", [face.id])
            others = any(other.user_id for other in faces if other is not face)
            return self._judge_again(connection, decision, face, others=others)

    @staticmethod
    def _save(connection: Connection, decision: Decision) -> None:
        if decision.word is Word.CONFIRMED:
            connection.execute(
                "delete from face_match_decisions where photo_id = %s and decision = 'confirmed'",
                [decision.photo_id],
            )
        values = {
            "photo_id": decision.photo_id,
            "user_id": decision.user_id,
            "decision": str(decision.word),
            "by": decision.by,
        }
        try:
            connection.execute(query("save_decision"), values)
        except psycopg.errors.ForeignKeyViolation:
            raise ConfigurationError(f"there is no user {decision.user_id}") from None

    def _judge_again(
        self, connection: Connection, decision: Decision, face: _Face, *, others: bool
    ) -> Effect:
        if face.embedding is None:
            reason, match = Reason.NO_ENROLLED_USERS, None
        else:
            question = Question(decision.photo_id, face.embedding)
            ((nearest, said),) = candidates(connection, [question], face.model)
            reason, match = self.policy.decide(nearest, said)
        matched = match if match and reason is Reason.MATCHED and not others else None
        if matched:
            connection.execute(
                "insert into face_matches (photo_face_id, user_id, confidence) values (%s, %s, %s)",
                [face.id, matched.user_id, matched.distance],
            )
        if not others:
            connection.execute(
                query("amend_outcome"),
                {
                    "photo_id": decision.photo_id,
                    "outcome": str(Outcome.MATCHED if matched else Outcome.SKIPPED),
                    "reason": str(reason),
                    "detail": f"after a user was {decision.word}",
                    "user_id": matched.user_id if matched else None,
                    "distance": match.distance if match else None,
                    "within_threshold": match.within_threshold if match else None,
                    "margin": match.margin if match else None,
                },
            )
        return Effect(face.user_id, matched.user_id if matched else None, reason, match)


def _is_concerned(face: _Face, decision: Decision) -> bool:
    """Whether the face's match is not yet as was said."""
    if decision.word is Word.CONFIRMED:
        return face.user_id != decision.user_id
    return face.user_id in {decision.user_id, None}


def _meant(faces: list[_Face], decision: Decision, face_index: int | None) -> _Face | None:
    """The face that a decision is about; ``None`` if none was recorded yet."""
    if face_index is not None:
        named = [face for face in faces if face.face_index == face_index]
        if not named:
            raise ConfigurationError(
                f"photo {decision.photo_id} has no recorded face {face_index}; publish its job"
            )
        return named[0]
    of_user = [face for face in faces if face.user_id == decision.user_id]
    likely = of_user or [face for face in faces if face.user_id] or faces
    if len(likely) > 1:
        raise ConfigurationError(
            f"photo {decision.photo_id} has several recorded faces; give --face-index"
        )
    return likely[0] if likely else None
