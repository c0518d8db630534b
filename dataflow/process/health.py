"""Whether the process can work: what keeps it from working, and whether its loops come round.

An orchestrator asks both. A process that waits for a dependency is not *ready* but *alive*: to
start it again would fix nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import structlog

from dataflow.jobs.errors import DataError, SystemicError

log = structlog.get_logger()

DRAINING = "draining"
"""The cause that a stop request is."""


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


class Health:
    """The state of one process. Safe to share between threads.

    ``now`` is a clock in seconds; ``report_every_s`` lies between two log lines about one outage.
    """

    def __init__(
        self, report_every_s: float = 10.0, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._report_every_s = report_every_s
        self._now = now
        self._lock = threading.Lock()
        self._troubles: dict[str, _Trouble] = {}
        self._came_round: dict[str | int, float] = {}
        self._answered: dict[str, float] = {}

    def suffer(self, cause: str, error: str, sufferer: Hashable = None) -> float | None:
        """Note that something keeps the worker, or this part of it, from working.

        Returns for how many seconds, if that is to be logged: not by each sufferer, nor each time.
        """
        with self._lock:
            now = self._now()
            trouble = self._troubles.setdefault(cause, _Trouble(now, error, now))
            trouble.error = error
            trouble.sufferers.add(sufferer)
            if now < trouble.next_report:
                return None
            trouble.next_report = now + self._report_every_s
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
            now = self._now()
            self._came_round = dict.fromkeys(self._came_round, now)
            return now - trouble.since

    def lasts_s(self, cause: str) -> float | None:
        """For how many seconds it lasts already; ``None`` if it does not."""
        with self._lock:
            trouble = self._troubles.get(cause)
            return self._now() - trouble.since if trouble else None

    def others_suffer(self, cause: str, sufferer: Hashable) -> bool:
        """Whether anybody else suffers from it."""
        with self._lock:
            trouble = self._troubles.get(cause)
            return trouble is not None and bool(trouble.sufferers - {sufferer})

    def answer(self, dependency: str) -> None:
        """Note that a dependency did what a job asked of it."""
        self._answered[dependency] = self._now()

    def answered_within(self, seconds: float, dependency: str) -> bool:
        """Whether it did so lately."""
        answered = self._answered.get(dependency)
        return answered is not None and self._now() - answered < seconds

    def causes(self) -> list[Cause]:
        """What keeps the worker from working; it is ready when nothing does."""
        with self._lock:
            now = self._now()
            return [
                Cause(name, trouble.error, round(now - trouble.since, 1))
                for name, trouble in self._troubles.items()
            ]

    def watch(self, dependency: str) -> Watch:
        """Watch over the tries of one operation."""
        return Watch(self, dependency)

    def tick(self, loop: str | None = None) -> None:
        """Note that a loop came round; by default the calling thread's own."""
        self._came_round[loop or threading.get_ident()] = self._now()

    def still_for_s(self) -> float:
        """Seconds since the slowest loop came round; 0 while there is a good reason to stand."""
        with self._lock:
            if self._troubles:
                return 0
            now = self._now()
            return max((now - came for came in list(self._came_round.values())), default=0)


class Watch:
    """Around each try of one operation: a systemic failure is suffered, anything else ends that."""

    def __init__(self, health: Health, dependency: str) -> None:
        self._health = health
        self._dependency = dependency

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
        for_s = self._health.suffer(self._dependency, error, self)
        if for_s is not None:
            log.warning(
                "dependency_unusable", dependency=self._dependency, error=error, for_s=round(for_s)
            )

    def succeeded(self) -> None:
        """The dependency answers, be it with a refusal."""
        after_s = self._health.recover(self._dependency, self)
        if after_s is not None:
            log.info("dependency_back", dependency=self._dependency, after_s=round(after_s, 1))
