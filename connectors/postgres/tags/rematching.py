"""Matching recorded faces again after a change of users, words, limits or contract."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Self
from uuid import UUID

import structlog

from connectors.postgres.connection import Database
from connectors.postgres.gallery.memory import GalleryMemory
from connectors.postgres.gallery.users import require_comparable
from connectors.postgres.photos.following import Concerned, follow_galleries, follow_gallery
from connectors.postgres.photos.limits import Limits
from connectors.postgres.session import Connection
from connectors.postgres.sql_files import query
from connectors.postgres.tags.answers import Answer
from connectors.postgres.tags.deciding import Rules, decide_again, plan_of
from connectors.postgres.tags.sifting import (
    Bands,
    Blocks,
    Changed,
    photos_in_bands,
    photos_since,
)
from connectors.postgres.tags.waiting import Request, Waiting, waiting
from dataflow.jobs.errors import DataError

PHOTOS_AT_A_TIME = 32
"""Photos that are locked together; a worker that wants one of them waits for all."""

_DETAIL = "matched again"

log = structlog.get_logger()

Rest = Callable[[float], object]
"""Is called between pieces of work with the seconds that the last one took; it may raise."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What was done in one step: photos decided, what became of their tags, and how far it is.

    ``done`` and ``total`` are blocks of the table of faces, of which ``looked`` were looked through
    in this step; 0 where single photos were decided. ``ids`` are the requests that it was for.
    ``waiting`` is what waited when it began, and ``oldest_s`` for how long the oldest had.
    """

    photos: int = 0
    changes: Counter[str] = field(default_factory=Counter)
    done: int = 0
    total: int = 0
    looked: int = 0
    ids: Sequence[int] = ()
    waiting: int = 0
    oldest_s: float = 0

    def __add__(self, more: Self) -> Self:
        """With what was done after it in the same step."""
        return replace(
            self,
            photos=self.photos + more.photos,
            changes=self.changes + more.changes,
            done=self.done + more.done,
            total=self.total + more.total,
            looked=self.looked + more.looked,
            ids=[*self.ids, *more.ids],
        )


@dataclass(frozen=True, slots=True)
class Rematching:
    """Works off what waits in `face_rematches`, one process at a time, in small steps.

    It may be stopped or killed at any moment: what is not done yet still waits. ``turns`` is a
    second database to connect to, on which the turn is held while the other one reads and writes:
    so the turn holds no lock on the faces that somebody else could wait for. ``memory`` is where
    the users are searched, if it holds them.
    """

    database: Database
    turns: Database
    rules: Rules
    memory: GalleryMemory | None = None

    def step(self, rest: Rest = lambda _worked_s: None) -> Piece | None:
        """Do the next piece; ``None``: nothing waits, or another process is at it.

        Raises:
            Exception: what ``rest`` raises; what was not done yet still waits.
            TransientError, SystemicError: the database did not answer; nothing is lost.
            ConfigurationError: the users were moved to another model.
        """
        with self.turns.connection() as turn:
            with turn.transaction():
                there = self._waiting(turn)
                if not there.requests:
                    return None
                if new := [request.id for request in there.requests if not request.begun]:
                    self._follow(turn, [r for r in there.requests if not r.begun])
                    # A transaction of its own: nobody gets past the gate until it ends.
                    turn.execute(query("wait_at_gate"))
                    turn.execute(query("begin_rematches"), {"ids": new})
                else:
                    return self._do(turn, there, rest)
            if len(new) == len(there.requests):
                return Piece(waiting=len(new), oldest_s=there.oldest_s)
            # Where users change all the time, what has begun goes on nevertheless.
            with turn.transaction():
                return self._do(turn, self._waiting(turn), rest)

    def close(self) -> None:
        """Let go of this thread's connections."""
        self.database.close()
        self.turns.close()

    def _follow(self, turn: Connection, requests: Sequence[Request]) -> None:
        """Bring the limits to the number of users whom these changes leave."""
        looks = [request for request in requests if request.photo_id is None]
        if any(request.gallery is None for request in looks):
            follow_gallery(turn, self.rules.model)
        if looks:
            concerned = Concerned(
                galleries=sorted({request.gallery for request in looks if request.gallery}),
                user_ids=[r.user_id for r in looks if r.user_id and r.gallery is None],
                everything=any(r.is_of_all and r.gallery is None for r in looks),
            )
            follow_galleries(turn, self.rules.model, concerned)

    def _waiting(self, turn: Connection) -> Waiting:
        """What waits, if this process has the turn."""
        if turn.execute(query("take_turn")).fetchone() != (True,):
            return Waiting()
        return waiting(turn, self.rules.model)

    def _do(self, turn: Connection, there: Waiting, rest: Rest) -> Piece:
        """Do a piece of each kind that has begun: neither waits until the other one is done."""
        piece = Piece(waiting=len(there.requests), oldest_s=there.oldest_s)
        begun = [request for request in there.requests if request.begun]
        if not begun:
            return piece
        require_comparable(turn, self.rules.model)
        if photos := [request for request in begun if request.photo_id][:PHOTOS_AT_A_TIME]:
            piece += self._decide_photos(turn, photos, rest)
        if looks := [request for request in begun if not request.photo_id]:
            # Those that are ahead go on alone; whatever came later makes one more round.
            place = max(request.place for request in looks)
            piece += self._look_on(turn, [r for r in looks if r.place == place], place, rest)
        return piece

    def _decide_photos(self, turn: Connection, requests: Sequence[Request], rest: Rest) -> Piece:
        photo_ids = list(dict.fromkeys(r.photo_id for r in requests if r.photo_id))
        piece = self._decide(turn, photo_ids, self._rules_now(), requests, rest)
        turn.execute(query("end_rematches"), {"ids": [request.id for request in requests]})
        return piece

    def _look_on(
        self, turn: Connection, requests: Sequence[Request], place: int, rest: Rest
    ) -> Piece:
        """Look through the next blocks of the table of faces."""
        began = time.monotonic()
        rules = self._rules_now()
        total = max(request.blocks for request in requests)
        whole = any(request.is_of_all and not request.is_of_band for request in requests)
        band = any(request.is_of_band for request in requests)
        users = len({request.user_id for request in requests if request.user_id})
        blocks = Blocks.after(place, total, rules.model, None if whole else users, band=band)
        with self.database.connection() as connection:
            photo_ids = photos_to_decide(connection, requests, blocks, rules)
        rest(time.monotonic() - began)
        piece = self._decide(turn, photo_ids, rules, requests, rest)
        ids = [request.id for request in requests]
        turn.execute(query("place_rematches"), {"ids": ids, "place": blocks.end})
        return replace(piece, done=blocks.end, total=total, looked=blocks.end - place)

    def _decide(
        self,
        turn: Connection,
        photo_ids: Sequence[UUID],
        rules: Rules,
        requests: Sequence[Request],
        rest: Rest,
    ) -> Piece:
        causes = {request.cause for request in requests}
        bys = {request.by for request in requests}
        why = {
            "cause": causes.pop() if len(causes) == 1 else "rematch",
            "by": (bys.pop() if len(bys) == 1 else None) or "",
        }
        changes = Counter[str]()
        for some in in_parts(photo_ids):
            began = time.monotonic()
            changes.update(a.change for a in self._decide_some(some, rules, why) if a.change)
            turn.execute("select 1")  # a session that says nothing for long is taken for dead
            rest(time.monotonic() - began)
        return Piece(len(photo_ids), changes, ids=[request.id for request in requests])

    def _decide_some(
        self, photo_ids: Sequence[UUID], rules: Rules, why: dict[str, str]
    ) -> list[Answer]:
        try:
            return self._decide_together(photo_ids, rules, why)
        except DataError as error:
            if len(photo_ids) == 1:
                # It waits for nobody, and nobody for it: jobs end as write_rejected like this.
                log.warning("rematch_refused", photo_id=str(photo_ids[0]), error=str(error))
                return []
        middle = len(photo_ids) // 2
        halves = photo_ids[:middle], photo_ids[middle:]
        return [answer for half in halves for answer in self._decide_some(half, rules, why)]

    def _decide_together(
        self, photo_ids: Sequence[UUID], rules: Rules, why: dict[str, str]
    ) -> list[Answer]:
        with self.database.connection() as connection:
            plan = plan_of(connection, rules, self.memory)
            with connection.transaction():
                connection.execute(query("enter_gate"))
                connection.execute(query("say_why"), why)
                return decide_again(connection, photo_ids, rules, plan, _DETAIL)

    def _rules_now(self) -> Rules:
        """By the limits that the workers of this contract have noted last."""
        noted = Limits(self.database).of(self.rules.model)
        return replace(self.rules, policy=noted.policy) if noted else self.rules


def photos_to_decide(
    connection: Connection, requests: Sequence[Request], blocks: Blocks, rules: Rules
) -> list[UUID]:
    """The photos in some blocks whose answer may be another by these requests.

    With the first blocks come those that a user is tagged on, wherever they are.
    """
    times = [request.since for request in requests if request.is_of_all and not request.is_of_band]
    bands = Bands.around([request for request in requests if request.is_of_band])
    photo_ids: list[UUID] = []
    if times:
        photo_ids += photos_since(
            connection, blocks, None if None in times else min(filter(None, times))
        )
    if bands and None not in times:
        photo_ids += photos_in_bands(connection, blocks, bands)
    if any(request.user_id for request in requests):
        changed = Changed.of(connection, requests, rules)
        # Wherever they are tagged or named, and whatever the contract of that face.
        photo_ids += changed.tagged(connection) if blocks.first == 0 else []
        photo_ids += [] if None in times else changed.photos(connection, blocks)
    return list(dict.fromkeys(photo_ids))


def in_parts(photo_ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    """As many at a time as are locked together."""
    for start in range(0, len(photo_ids), PHOTOS_AT_A_TIME):
        yield photo_ids[start : start + PHOTOS_AT_A_TIME]
