"""Words that come through `soloface serve`: checked against what was seen, kept, taken back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from connectors.postgres.review.cards import versions
from connectors.postgres.review.claims import release
from connectors.postgres.review.photos import WordRow, words_of
from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query
from connectors.postgres.tags.decisions import Decision, Decisions, Effect, Why, reasons_for, say
from dataflow.jobs.errors import TransientError
from dataflow.tags.refusal import Refusal, RefusedWordError


@dataclass(frozen=True, slots=True)
class Entry:
    """One decision and what came of it, as it is kept.

    ``before_user_id`` was tagged on the photo, ``now_user_id`` was then. ``distance`` is cosine
    distance in [0, 2]. ``taken_back`` is how many words said before did not count any more.
    """

    id: int
    photo_id: UUID
    user_id: UUID | None
    decision: str
    face_index: int | None
    decided_by: str
    decided_at: datetime
    before_user_id: UUID | None
    now_user_id: UUID | None
    reason: str | None
    distance: float | None
    margin: float | None
    taken_back: int
    undone_at: datetime | None


class _RepeatedError(Exception):
    """The request was answered before."""

    def __init__(self, entry: Entry) -> None:
        super().__init__("answered before")
        self.entry = entry


@dataclass(frozen=True, slots=True)
class Moderation:
    """Takes words of people who are known by name."""

    decisions: Decisions

    def take(
        self, decision: Decision, by: str, *, seen: str | None = None, key: str | None = None
    ) -> Entry:
        """Keep a decision and let the photo's tag follow, in one transaction.

        Args:
            decision: the word; its ``by`` is what the feed tells.
            by: whose it is.
            seen: the version of the photo that they looked at; ``None``: whatever it is.
            key: names the request; if it comes again, it is only answered again.

        Raises:
            RefusedWordError: as :meth:`Decisions.take`; or the photo has changed since it was
                seen; or the key was used for another request.
        """

        def saying(connection: Connection) -> int:
            if key and (entry := _of_key(connection, by, key)):
                raise _RepeatedError(entry)
            if seen is not None and versions(connection, [decision.photo_id]) != {
                decision.photo_id: seen
            }:
                raise RefusedWordError(
                    Refusal.CHANGED_MEANWHILE,
                    f"photo {decision.photo_id} has changed since it was looked at; look again",
                )
            before.extend(words_of(connection, decision.photo_id))
            return say(decision, connection)

        def keeping(connection: Connection, effect: Effect) -> Entry:
            left = set(words_of(connection, decision.photo_id))
            gone = [word for word in before if word not in left]
            release(connection, by, [decision.photo_id])
            return _log(connection, decision, by, key, effect, gone)

        before: list[WordRow] = []
        why = reasons_for(decision)
        try:
            return self.decisions.change(decision.photo_id, why, saying, keeping)
        except _RepeatedError as repeated:
            return _the_same(repeated.entry, decision)
        except TransientError:
            # The same key for another photo, at the same time.
            with self.decisions.database.connection() as connection:
                if key and (entry := _of_key(connection, by, key)):
                    return _the_same(entry, decision)
            raise

    def undo(self, number: int, by: str) -> Entry:
        """Take back one's own decision: what was said before counts again.

        Args:
            number: the entry's id.
            by: whose decision it was.

        Raises:
            RefusedWordError: there is no such decision of theirs, it was taken back before, or
                somebody has said something else since.
        """
        with self.decisions.database.connection() as connection:
            entry = _entry(connection, by, number)

        def saying(connection: Connection) -> int:
            current = _entry(connection, by, number)
            if current.undone_at:
                raise RefusedWordError(
                    Refusal.ALREADY_UNDONE, f"decision {number} was taken back before"
                )
            _require_last(current, words_of(connection, current.photo_id))
            asked = {
                "id": number,
                "photo_id": current.photo_id,
                "decided_at": current.decided_at,
            }
            connection.execute(query("undo_decision"), asked)
            return connection.execute(query("say_again"), asked).rowcount

        why = Why("rematch", by, "after a word was taken back")
        return self.decisions.change(
            entry.photo_id, why, saying, lambda connection, _: _entry(connection, by, number)
        )

    def own(self, by: str, count: int, before: int | None = None) -> list[Entry]:
        """Somebody's decisions, the newest first.

        Args:
            by: whose.
            count: so many at most.
            before: only those whose id is smaller.
        """
        with self.decisions.database.connection() as connection:
            return _entries(connection, by, before_id=before, count=count)


def _require_last(entry: Entry, words: Sequence[WordRow]) -> None:
    """Whether nobody has said anything else of the photo since then."""
    times = [word.decided_at for word in words]
    replaced = entry.decision != "forgotten" and entry.decided_at not in times
    if replaced or any(time > entry.decided_at for time in times):
        raise RefusedWordError(
            Refusal.CHANGED_MEANWHILE,
            f"something else was said of photo {entry.photo_id} since decision {entry.id}",
        )


def _the_same(entry: Entry, decision: Decision) -> Entry:
    asked = (decision.photo_id, decision.user_id, str(decision.word))
    if (entry.photo_id, entry.user_id, entry.decision) != asked:
        raise RefusedWordError(
            Refusal.KEY_REUSED, "the idempotency key was used for another decision before"
        )
    return entry


def _entries(connection: Connection, by: str, **asked: object) -> list[Entry]:
    values: dict[str, object] = {"id": None, "key": None, "before_id": None, "count": 1}
    rows = connection.execute(query("logged_decisions"), {**values, "by": by, **asked})
    return [Entry(*row) for row in rows]


def _of_key(connection: Connection, by: str, key: str) -> Entry | None:
    return next(iter(_entries(connection, by, key=key)), None)


def _entry(connection: Connection, by: str, number: int) -> Entry:
    for entry in _entries(connection, by, id=number):
        return entry
    raise RefusedWordError(Refusal.UNKNOWN_DECISION, f"there is no decision {number} of {by}")


def _log(  # noqa: PLR0913, PLR0917 - the columns
    connection: Connection,
    decision: Decision,
    by: str,
    key: str | None,
    effect: Effect,
    gone: Sequence[WordRow],
) -> Entry:
    values = {
        "photo_id": decision.photo_id,
        "user_id": decision.user_id,
        "decision": str(decision.word),
        "face_index": decision.face_index,
        "by": by,
        "key": key,
        "before": effect.before,
        "now": effect.now,
        "reason": str(effect.reason) if effect.reason else None,
        "distance": effect.match.distance if effect.match else None,
        "margin": effect.match.margin if effect.match else None,
        "taken_back": effect.taken_back,
        "user_ids": [word.user_id for word in gone],
        "decisions": [word.decision for word in gone],
        "face_indices": [word.face_index for word in gone],
        "decided_by": [word.decided_by for word in gone],
        "roles": [word.database_role for word in gone],
        "times": [word.decided_at for word in gone],
    }
    (number,) = connection.execute(query("log_decision"), values).fetchone() or (0,)
    return _entry(connection, by, number)
