"""What people say of a match: it is kept for ever, and takes effect at once."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from typing import TypeVar
from uuid import UUID

import psycopg
from psycopg.rows import TupleRow

from connectors.postgres.connection import Database
from connectors.postgres.photos.limits import limits_of
from connectors.postgres.photos.registry import photo_states
from connectors.postgres.sql_files import query
from connectors.postgres.tags.deciding import Rules, decide_again, plan_of
from dataflow.jobs.outcome import Match
from dataflow.jobs.reason import Reason
from dataflow.tags.refusal import Refusal, RefusedWordError

Connection = psycopg.Connection[TupleRow]
T = TypeVar("T")

_SEVERAL = 2


class Word(StrEnum):
    """What can be said of a photo, and of a user if it is not *nobody*."""

    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    NOBODY = "nobody"
    FORGOTTEN = "forgotten"
    """What was said is taken back."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Somebody's word; ``by`` is whose, as far as it is known.

    ``user_id`` is ``None`` for *nobody*, and where all that was said of a photo is taken back.
    ``face_index`` is which of several faces is meant.
    """

    photo_id: UUID
    user_id: UUID | None
    word: Word
    by: str | None = None
    face_index: int | None = None


@dataclass(frozen=True, slots=True)
class Effect:
    """Who is tagged on the photo now, and who was before; ``None``: nobody.

    ``reason`` is ``None`` where no face is recorded for the photo yet. ``taken_back`` is how many
    words said before do not count any more.
    """

    before: UUID | None
    now: UUID | None
    reason: Reason | None
    match: Match | None
    taken_back: int = 0


@dataclass(frozen=True, slots=True)
class Why:
    """What a change of a tag comes from, by whose word, and what the outcome says of it."""

    cause: str
    by: str | None
    detail: str


_CAUSES = {Word.NOBODY: "rejected", Word.FORGOTTEN: "rematch"}
_DETAILS = {
    Word.CONFIRMED: "after a user was confirmed",
    Word.REJECTED: "after a user was rejected",
    Word.NOBODY: "somebody said that nobody is to be tagged",
    Word.FORGOTTEN: "after a word was taken back",
}


@dataclass(frozen=True, slots=True)
class Decisions:
    """Takes decisions and brings the tags into line with them.

    It matches by the limits that the workers have noted, and by those of ``rules`` where none has.
    """

    database: Database
    rules: Rules

    def take(self, decision: Decision) -> Effect:
        """Keep a decision and let the photo's tag follow, in one transaction.

        The photo is decided again by the vector that is stored with its face: a confirmed user is
        tagged, in place of anybody else, a rejected one is not, and the next nearest is considered.
        Where no face is recorded yet, the photo's next job will respect the decision.

        Raises:
            RefusedWordError: there is no such photo, user or face, or several faces; or the user
                has withdrawn.
        """
        return self.change(
            decision.photo_id,
            reasons_for(decision),
            partial(say, decision),
            lambda _, effect: effect,
        )

    def change(
        self,
        photo_id: UUID,
        why: Why,
        saying: Callable[[Connection], int],
        then: Callable[[Connection, Effect], T],
    ) -> T:
        """Change what is said of a photo and let its tag follow, in one transaction.

        Args:
            photo_id: the photo, which stays locked until the end.
            why: what the feed and the outcome say of it.
            saying: changes the words; returns how many do not count any more.
            then: is told of the effect, in the same transaction; what it makes of it is returned.

        Raises:
            RefusedWordError: there is no such photo; and what ``saying`` and ``then`` raise. Then
                nothing has changed.
        """
        photo_ids = [photo_id]
        with self.database.connection() as connection:
            # Not within the transaction: what is set of the session would go back with it.
            plan = plan_of(connection, self.rules)
            with connection.transaction():
                connection.execute(query("enter_gate"))
                noted = limits_of(connection, self.rules.model)
                policy = noted.policy if noted else self.rules.policy
                # The worker waits for it too, and sees the decision before it records anything.
                locked = connection.execute(query("lock_photos"), {"photo_ids": photo_ids})
                if locked.fetchone() is None:
                    raise RefusedWordError(Refusal.UNKNOWN_PHOTO, f"there is no photo {photo_id}")
                connection.execute(query("say_why"), {"cause": why.cause, "by": why.by or ""})
                taken_back = saying(connection)
                rules = replace(self.rules, policy=policy)
                answers = decide_again(connection, photo_ids, rules, plan, why.detail)
                if answers:
                    (answer,) = answers
                    effect = Effect(
                        answer.before, answer.now, answer.reason, answer.match, taken_back
                    )
                else:
                    reason = _why_no_face(connection, photo_id)
                    effect = Effect(None, None, reason, None, taken_back)
                return then(connection, effect)

    def unknown(self, photo_ids: Collection[UUID], user_ids: Collection[UUID]) -> set[UUID]:
        """Those of some photos and users that the platform has no row for."""
        asked = {"photo_ids": list(photo_ids), "user_ids": list(user_ids)}
        with self.database.connection() as connection:
            return {row_id for (row_id,) in connection.execute(query("unknown_ids"), asked)}


def reasons_for(decision: Decision) -> Why:
    """What the feed and the outcome say of a change that follows a decision."""
    cause = _CAUSES.get(decision.word, str(decision.word))
    return Why(cause, decision.by, _DETAILS[decision.word])


def say(decision: Decision, connection: Connection) -> int:
    """Store a word about a photo that is locked; returns how many words it has taken back.

    Raises:
        RefusedWordError: there is no such user or face, or several faces; or the user has
            withdrawn.
    """
    values = {
        "photo_id": decision.photo_id,
        "user_id": decision.user_id,
        "decision": str(decision.word),
        "face_index": _face_index(connection, decision),
        "by": decision.by,
    }
    # One word settles whom a photo shows: the last one.
    taken_back = connection.execute(query("forget_decisions"), values).rowcount
    if decision.word is Word.FORGOTTEN:
        return taken_back
    try:
        connection.execute(query("save_decision"), values)
    except psycopg.errors.ForeignKeyViolation:
        raise RefusedWordError(
            Refusal.UNKNOWN_USER, f"there is no user {decision.user_id}"
        ) from None
    except psycopg.errors.CheckViolation as error:
        if error.diag.constraint_name != "face_withdrawals":
            raise
        raise RefusedWordError(
            Refusal.USER_WITHDRAWN,
            f"user {decision.user_id} has withdrawn and is not tagged any more; once they have "
            "agreed again: soloface enroll --again",
        ) from None
    return taken_back


def _why_no_face(connection: Connection, photo_id: UUID) -> Reason | None:
    states = photo_states(connection, [photo_id])
    return Reason.WITHDRAWN if states[photo_id].withdrawn else None


def _face_index(connection: Connection, decision: Decision) -> int | None:
    """Which face is meant, where the photo has several."""
    rows = connection.execute(query("photo_matches"), {"photo_id": decision.photo_id})
    tagged_on: dict[int, UUID | None] = dict(rows.fetchall())
    if decision.face_index is not None and decision.face_index not in tagged_on:
        raise RefusedWordError(
            Refusal.UNKNOWN_FACE,
            f"photo {decision.photo_id} has no recorded face {decision.face_index}; publish its "
            "job",
        )
    if decision.word is not Word.CONFIRMED or len(tagged_on) < _SEVERAL:
        return decision.face_index
    if decision.face_index is not None:
        return decision.face_index
    of_user = [index for index, user in tagged_on.items() if user == decision.user_id]
    likely = of_user or [index for index, user in tagged_on.items() if user]
    if len(likely) != 1:
        raise RefusedWordError(
            Refusal.SEVERAL_FACES,
            f"photo {decision.photo_id} has several recorded faces; give --face-index",
        )
    return likely[0]
