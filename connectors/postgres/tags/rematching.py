"""Matching recorded faces again after a change of users, words, limits or contract."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from connectors.postgres.connection import Database
from connectors.postgres.gallery.search import current_plan, vector_dimension
from connectors.postgres.gallery.users import require_comparable
from connectors.postgres.photos.limits import Limits
from connectors.postgres.session import Connection, sent_together
from connectors.postgres.sql_files import query
from connectors.postgres.tags.deciding import Answer, Rules, decide_again
from connectors.postgres.tags.sifting import Changed, photos_in_blocks, users_of

PHOTOS_AT_A_TIME = 32
"""Photos that are locked together; a worker that wants one of them waits for all."""

_MOST = 4096
"""Changes that share one look through all faces."""

_DETAIL = "matched again"


@dataclass(frozen=True, slots=True)
class Piece:
    """What was done in one step: photos decided, what became of their tags, and how far it is.

    ``done`` and ``total`` are blocks of the table of faces; 0 where single photos were decided.
    """

    photos: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class _Request:
    id: int
    user_id: UUID | None
    photo_id: UUID | None
    cause: str
    by: str | None
    place: int
    begun: bool

    @property
    def is_of_all(self) -> bool:
        return self.user_id is None and self.photo_id is None


@dataclass(frozen=True, slots=True)
class Rematching:
    """Works off what waits in `face_rematches`, one process at a time, in small steps.

    It may be stopped or killed at any moment: what is not done yet still waits. ``turns`` is a
    second database to connect to, on which the turn is held while the other one writes.
    """

    database: Database
    turns: Database
    rules: Rules

    def step(self) -> Piece | None:
        """Do the next piece; ``None``: nothing waits, or another process is at it.

        Raises:
            TransientError, SystemicError: the database did not answer; nothing is lost.
            ConfigurationError: the users were moved to another model.
        """
        with self.turns.connection() as turn, turn.transaction():
            if turn.execute(query("take_turn")).fetchone() != (True,):
                return None
            asked = {"model": self.rules.model, "most": _MOST}
            rows = turn.execute(query("pending_rematches"), asked).fetchall()
            waiting = [_Request(*row) for row in rows]
            if not waiting:
                return None
            if new := [request.id for request in waiting if not request.begun]:
                # Their own transaction: nobody gets past the gate until it ends.
                turn.execute(query("wait_at_gate"))
                turn.execute(query("begin_rematches"), {"ids": new})
                return Piece()
            require_comparable(turn, self.rules.model)
            if photos := [request for request in waiting if request.photo_id]:
                return self._decide_photos(turn, photos[:PHOTOS_AT_A_TIME])
            # Those that are ahead go on alone; whatever came later makes one more round.
            place = max(request.place for request in waiting)
            return self._look_on(turn, [r for r in waiting if r.place == place], place)

    def close(self) -> None:
        """Let go of this thread's connections."""
        self.database.close()
        self.turns.close()

    def _decide_photos(self, turn: Connection, requests: Sequence[_Request]) -> Piece:
        photo_ids = list(dict.fromkeys(r.photo_id for r in requests if r.photo_id))
        piece = self._decide(turn, photo_ids, requests)
        turn.execute(query("end_rematches"), {"ids": [request.id for request in requests]})
        return piece

    def _look_on(self, turn: Connection, requests: Sequence[_Request], place: int) -> Piece:
        """Look through the next blocks of the table of faces."""
        rules = self._rules_now()
        (total,) = turn.execute(query("face_blocks")).fetchone() or (0,)
        user_ids = [request.user_id for request in requests if request.user_id]
        everything = any(request.is_of_all for request in requests)
        changed = None if everything else Changed.of(turn, user_ids, rules)
        found = list(users_of(turn, user_ids)) if place == 0 and not everything else []
        found_here, end = photos_in_blocks(turn, changed, rules.model, place, total)
        piece = self._decide(turn, list(dict.fromkeys([*found, *found_here])), requests)
        ids = [request.id for request in requests]
        if end < total:
            turn.execute(query("place_rematches"), {"ids": ids, "place": end})
        else:
            turn.execute(query("end_rematches"), {"ids": ids})
        return Piece(piece.photos, piece.changes, end, total)

    def _decide(
        self, turn: Connection, photo_ids: Sequence[UUID], requests: Sequence[_Request]
    ) -> Piece:
        rules = self._rules_now()
        causes = {request.cause for request in requests}
        bys = {request.by for request in requests}
        why = {
            "cause": causes.pop() if len(causes) == 1 else "rematch",
            "by": (bys.pop() if len(bys) == 1 else None) or "",
        }
        changes = Counter[str]()
        for some in _some(photo_ids, PHOTOS_AT_A_TIME):
            changes.update(a.change for a in self._decide_some(some, rules, why) if a.change)
            turn.execute("select 1")  # a session that says nothing for long is taken for dead
        return Piece(len(photo_ids), changes)

    def _decide_some(
        self, photo_ids: Sequence[UUID], rules: Rules, why: dict[str, str]
    ) -> list[Answer]:
        with self.database.connection() as connection:
            plan = current_plan(connection, rules.model, vector_dimension(connection))
            with sent_together(connection):
                connection.execute(query("enter_gate"))
                connection.execute(query("say_why"), why)
                return decide_again(connection, photo_ids, rules, plan, _DETAIL)

    def _rules_now(self) -> Rules:
        """By the limits that the workers of this contract have noted last."""
        noted = Limits(self.database).of(self.rules.model)
        policy = noted.policy if noted else self.rules.policy
        return Rules(policy, self.rules.model, self.rules.move)


def _some(items: Sequence[UUID], count: int) -> Iterator[Sequence[UUID]]:
    for start in range(0, len(items), count):
        yield items[start : start + count]
