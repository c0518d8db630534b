"""Whether the process can work: what keeps it from working, and whether its loops come round.

An orchestrator asks both. A process that waits for a dependency is not *ready* but *alive*: to
start it again would fix nothing.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from types import TracebackType
from typing import Self

import structlog

from dataflow.jobs.errors import DataError, SystemicError

log = structlog.get_logger()

DRAINING = "draining"
"""The cause that a stop request is."""
NAMED = 5
"""How many of the jobs that wait are named at a time: with many it takes turns."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that keeps the worker from working, for so many seconds already."""

    name: str
    error: str
    for_s: float


@dataclass(slots=True)
class _Trouble:
    """One cause; it lasts until nobody suffers from it any more."""

    since: float
    error: str
    next_report: float
    sufferers: set[Hashable] = field(default_factory=set)
    held: deque[_Held] = field(default_factory=deque)


@dataclass(slots=True, eq=False)
class _Held:
    """A job that waits, for the log, and since when."""

    job: Mapping[str, object]
    since: float


class Health:
    """The state of one process. Safe to share between threads.

    ``now`` is a clock in seconds; ``report_every_s`` lies between two log lines about one outage.
    """

    def __init__(
        self, report_every_s: float = 10.0, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.report_every_s = report_every_s
        self.now = now
        self._lock = threading.Lock()
        self._troubles: dict[str, _Trouble] = {}
        self._came_round: dict[str | int, float] = {}
        self._answered: dict[str, float] = {}

    def suffer(self, cause: str, error: str, sufferer: Hashable = None) -> float | None:
        """Note that something keeps the worker, or this part of it, from working.

        Returns for how many seconds, if that is to be logged: not by each sufferer, nor each time.
        """
        with self._lock:
            now = self.now()
            trouble = self._troubles.setdefault(cause, _Trouble(now, error, now))
            trouble.error = error
            trouble.sufferers.add(sufferer)
            if now < trouble.next_report:
                return None
            trouble.next_report = now + self.report_every_s
            return now - trouble.since

    def recover(self, cause: str, sufferer: Hashable = None) -> float | None:
        """Note that it does no longer.

        Returns after how many seconds, if this was the last who suffered.
        """
        with self._lock:
            trouble = self._troubles.get(cause)
            if trouble is None or sufferer not in trouble.sufferers:
                return None
            trouble.sufferers.remove(sufferer)
            if trouble.sufferers:
                return None
            del self._troubles[cause]
            # Who stood still for it needs a moment to come round again.
            now = self.now()
            self._came_round = dict.fromkeys(self._came_round, now)
            return now - trouble.since

    def lasts_s(self, cause: str) -> float | None:
        """For how many seconds it lasts already; ``None`` if it does not."""
        with self._lock:
            trouble = self._troubles.get(cause)
            return self.now() - trouble.since if trouble else None

    def others_suffer(self, cause: str, sufferer: Hashable) -> bool:
        """Whether anybody else suffers from it."""
        with self._lock:
            trouble = self._troubles.get(cause)
            return trouble is not None and bool(trouble.sufferers - {sufferer})

    def answer(self, dependency: str) -> None:
        """Note that a dependency did what a job asked of it."""
        self._answered[dependency] = self.now()

    def answered_within(self, seconds: float, dependency: str) -> bool:
        """Whether it did so lately."""
        answered = self._answered.get(dependency)
        return answered is not None and self.now() - answered < seconds

    def causes(self) -> list[Cause]:
        """What keeps the worker from working; it is ready when nothing does."""
        with self._lock:
            now = self.now()
            return [
                Cause(name, trouble.error, round(now - trouble.since, 1))
                for name, trouble in self._troubles.items()
            ]

    def hold(self, cause: str, held: _Held) -> None:
        """A job waits for the cause to end."""
        with self._lock:
            if trouble := self._troubles.get(cause):
                trouble.held.append(held)

    def let_go(self, cause: str, held: _Held) -> None:
        """It waits no longer."""
        with self._lock:
            trouble = self._troubles.get(cause)
            if trouble and held in trouble.held:
                trouble.held.remove(held)

    def some_held(self, cause: str) -> tuple[list[Mapping[str, object]], int]:
        """Some of the jobs that wait, others each time, for how long; and how many there are."""
        with self._lock:
            trouble = self._troubles.get(cause)
            if trouble is None:
                return [], 0
            some = list(islice(trouble.held, NAMED))
            trouble.held.rotate(-len(some))
            now = self.now()
            return [{**h.job, "for_s": round(now - h.since)} for h in some], len(trouble.held)

    def watch(self, dependency: str, job: Mapping[str, object] | None = None) -> Watch:
        """Watch over the tries of one operation, for which ``job`` waits."""
        return Watch(self, dependency, job)

    def tick(self, loop: str | None = None) -> None:
        """Note that a loop came round; by default the calling thread's own."""
        self._came_round[loop or threading.get_ident()] = self.now()

    def still_for_s(self) -> float:
        """Seconds since the slowest loop came round; 0 while there is a good reason to stand."""
        with self._lock:
            if self._troubles:
                return 0
            now = self.now()
            return max((now - came for came in list(self._came_round.values())), default=0)


class Watch:
    """Around each try of one operation: a systemic failure is suffered, anything else ends that."""

    def __init__(
        self, health: Health, dependency: str, job: Mapping[str, object] | None = None
    ) -> None:
        self._health = health
        self._dependency = dependency
        self._job = job
        self._held: _Held | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, SystemicError):
            self.failed(str(error))
            return
        self.succeeded()
        if error is None or isinstance(error, DataError):
            self._health.answer(self._dependency)

    def failed(self, error: str) -> None:
        """The dependency cannot be used."""
        health, dependency = self._health, self._dependency
        for_s = health.suffer(dependency, error, self)
        if self._job and not self._held:
            self._held = _Held(self._job, health.now())
            health.hold(dependency, self._held)
        if for_s is None:
            return
        some, count = health.some_held(dependency)
        jobs_held = {"jobs_held": count} if count else {}
        log.warning(
            "dependency_unusable",
            dependency=dependency,
            error=error,
            for_s=round(for_s),
            **jobs_held,
        )
        for job in some:
            log.warning("job_held", dependency=dependency, **job)

    def succeeded(self) -> None:
        """The dependency answers, be it with a refusal."""
        after_s = self.ended()
        if after_s is not None:
            log.info("dependency_back", dependency=self._dependency, after_s=round(after_s, 1))

    def ended(self) -> float | None:
        """There is nothing to try any more; returns what :meth:`Health.recover` does."""
        if self._held:
            self._health.let_go(self._dependency, self._held)
            self._held = None
        return self._health.recover(self._dependency, self)
