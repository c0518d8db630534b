"""What may happen to users, photos, words and limits: each by the project's own statements."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol, TypeAlias

from connectors.postgres.gallery.enrolments import EnrolmentRegister
from connectors.postgres.photos.erasure import drop_unmatched, erase
from connectors.postgres.photos.limits import Limits
from connectors.postgres.photos.recorder import Recorder
from connectors.postgres.sql_files import query
from connectors.postgres.tags.deciding import Rules
from connectors.postgres.tags.decisions import Decision, Decisions, Word
from connectors.postgres.tags.rematching import Rematching
from dataflow.gallery.enrolment import Enrolment, Status
from dataflow.gallery.limit import FollowingLimit
from dataflow.jobs.errors import ConfigurationError
from dataflow.steps.matching import MatchPolicy
from tests.builders import photo, user
from tests.faults.law.oracle import LIMITS_BY_USERS
from tests.faults.law.processes import Process, Work
from tests.fixtures.recording import MODEL, ONCE, THRESHOLD, direction, face

Limit: TypeAlias = tuple[float | None, float | None, bool]

USERS = (1, 2, 3, 4, 5)
PHOTOS = (1, 2, 3, 4, 5, 6)
GALLERIES = ("hall", "school")
USER_DEGREES = (0, 7, 13, 22, 31, 44, 58)
FACE_DEGREES = (2.3, 5.1, 9.2, 16.7, 27.9, 36.1, 50.4)
MOST_PIECES = 1000
"""Pieces of matching again after which it would never end."""

MAX_DISTANCES = (None, 0.02, 0.1, 0.3)
FOLLOWS = FollowingLimit(0.01, 1e-9, LIMITS_BY_USERS)
MIN_MARGINS = (None, 0.0175, 0.055)


@dataclass
class Circumstances:
    """What workers and commands are started with: limits, and the number of the next job."""

    limits: list[Limit] = field(default_factory=lambda: [(None, None, False)])
    last_seq: int = 0

    def policy(self, *, stale: bool = False) -> MatchPolicy:
        """Those that hold, or those that held before."""
        return MatchPolicy(THRESHOLD, *(self.limits[-2:][0] if stale else self.limits[-1]))

    def next_seq(self) -> int:
        self.last_seq += 1
        return self.last_seq


class Happening(Protocol):
    """Something that one process does."""

    def work(self, now: Circumstances) -> Work:
        """What it does, begun under these circumstances."""


@dataclass(frozen=True)
class Job:
    """A batch of jobs; a ``stale`` worker was started under the limits before."""

    photos: tuple[int, ...]
    degrees: float
    index: int = 0
    stale: bool = False
    gallery: str | None = None

    def work(self, now: Circumstances) -> Work:
        items = [
            face(
                number,
                self.degrees,
                seq=now.next_seq(),
                face_index=self.index,
                gallery=self.gallery,
            )
            for number in self.photos
        ]
        policy = now.policy(stale=self.stale)
        return lambda process: void(
            Recorder(process.database, ONCE, policy, MODEL).record(list(items))
        )


@dataclass(frozen=True)
class Say:
    """Somebody's word."""

    word: Word
    number: int
    user: int | None = None
    index: int | None = None
    stale: bool = False

    def work(self, now: Circumstances) -> Work:
        user_id = user(self.user) if self.user else None
        decision = Decision(photo(self.number), user_id, self.word, "hypothesis", self.index)
        policy = now.policy(stale=self.stale)

        def say(process: Process) -> None:
            with suppress(ConfigurationError):  # no such user, or not clear which face
                Decisions(process.database, Rules(policy, MODEL)).take(decision)

        return say


@dataclass(frozen=True)
class Enrol:
    """By photos, as the command and the people's stream do it."""

    users: tuple[int, ...]
    degrees: float

    def work(self, _now: Circumstances) -> Work:
        enrolments = [
            Enrolment(user(number), Status.ENROLLED, direction(self.degrees + 7 * index))
            for index, number in enumerate(self.users)
        ]
        return lambda process: void(EnrolmentRegister(process.database, MODEL).save(enrolments))


@dataclass(frozen=True)
class Replace:
    """The platform takes photos out and lists them anew: nothing is known of them then."""

    photos: tuple[int, ...]

    def work(self, _now: Circumstances) -> Work:
        ids = [photo(number) for number in self.photos]

        def run(process: Process) -> None:
            with process.database.connection() as connection, connection.transaction():
                connection.execute("delete from photos where id = any(%s)", [ids])
                connection.execute("insert into photos (id) select unnest(%s::uuid[])", [ids])

        return run


@dataclass(frozen=True)
class Agree:
    """Somebody who has withdrawn agrees again."""

    user: int

    def work(self, _now: Circumstances) -> Work:
        asked = {"user_ids": [user(self.user)]}

        def run(process: Process) -> None:
            with process.database.connection() as connection, connection.transaction():
                connection.execute(query("lock_users"), asked)
                connection.execute(query("lift_withdrawals"), asked)

        return run


@dataclass(frozen=True)
class Statement:
    """Plain SQL of the platform's, in a transaction that lasts a little."""

    text: str
    values: tuple[object, ...] = ()

    def work(self, _now: Circumstances) -> Work:
        def run(process: Process) -> None:
            with process.database.connection() as connection, connection.transaction():
                connection.execute(self.text.encode(), self.values)
                connection.execute("select 1")

        return run


@dataclass(frozen=True)
class Erase:
    """``soloface erase``."""

    subject: Literal["user", "photo"]
    number: int
    row: bool

    def work(self, _now: Circumstances) -> Work:
        subject_id = (user if self.subject == "user" else photo)(self.number)

        def run(process: Process) -> None:
            with process.database.connection() as connection:
                erase(connection, self.subject, subject_id, row=self.row, dry_run=False)

        return run


@dataclass(frozen=True)
class Forget:
    """``soloface retention``: the faces that nobody was found for."""

    def work(self, _now: Circumstances) -> Work:
        def run(process: Process) -> None:
            with process.database.connection() as connection:
                list(drop_unmatched(connection, datetime.now(UTC) + timedelta(days=1)))

        return run


@dataclass(frozen=True)
class Start:
    """Workers are started, with other limits."""

    max_distance: float | None
    min_margin: float | None
    follows: bool = False
    gallery_required: bool = False

    def work(self, now: Circumstances) -> Work:
        limit = self.max_distance, self.min_margin, self.gallery_required
        policy = MatchPolicy(THRESHOLD, *limit)

        def run(process: Process) -> None:
            Limits(process.database).note(MODEL, policy, FOLLOWS if self.follows else None)
            now.limits.append(limit)

        return run


@dataclass(frozen=True)
class Rematch:
    """A worker's next piece of it."""

    def work(self, now: Circumstances) -> Work:
        return lambda process: void(rematching(process, now).step())


@dataclass(frozen=True)
class RematchAll:
    """A worker's next pieces of it, as long as nobody is in its way."""

    def work(self, now: Circumstances) -> Work:
        def run(process: Process) -> None:
            for _ in range(MOST_PIECES):
                if rematching(process, now).step() is None:
                    return
            raise AssertionError("matching again does not come to an end")

        return run


@dataclass(frozen=True)
class Rewrite:
    """The table of faces gets another file, in which they lie elsewhere."""

    def work(self, _now: Circumstances) -> Work:
        def run(process: Process) -> None:
            with process.database.connection() as connection:
                connection.execute("vacuum full photo_faces")

        return run


def rematching(process: Process, now: Circumstances) -> Rematching:
    return Rematching(process.database, process.turns, Rules(now.policy(), MODEL))


def void(_value: object) -> None:
    """What a call returns is of no interest."""
