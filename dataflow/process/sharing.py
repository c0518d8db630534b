"""Threads that compute for both lanes: live photos never wait for photos that can wait."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from functools import partial

from dataflow.jobs.lane import Lane, Turns
from dataflow.process.crew import Crew

QUIET_S = 10.0
"""Without a live task for so long, the others may have all threads."""
NICE = 10
_PATIENCE = 10
"""At that priority a thread may have a tenth of a core, where others want all of them."""


class SharedCores:
    """A crew of ``size`` threads for each lane.

    In one crew, live tasks would wait for others that have begun. So those have threads of their
    own, of a lower priority: the system gives them what live ones leave, and a little. While a live
    task is there, none of them begins, but for ``share`` of the turns, so that they never starve.
    Between live tasks at most ``most`` of them run, by default all but one, so that the next live
    one finds caches and memory free.
    """

    def __init__(
        self, size: int, deadline_s: float, *, most: int | None = None, share: float = 0
    ) -> None:
        self._size = size
        self._most = min(size, most or max(1, size - 1))
        self._turns = Turns(share)
        self._live = 0
        self._live_at = -math.inf
        self._lock = threading.Lock()
        self._live_crew = Crew(size, deadline_s, name="embed").resting_at_exit()
        self._other_crew = Crew(
            size, _PATIENCE * deadline_s, name="embed later", nice=NICE, at_most=self._may_run
        ).resting_at_exit()

    def submit(self, work: Callable[[], None], late: Callable[[], None], lane: Lane) -> None:
        """Have a task of a lane done by and by, as :meth:`Crew.submit` does."""
        if lane is Lane.LIVE:
            task = _Ending(work, late, self._live_ends)
            with self._lock:
                self._live += 1
                self._live_at = time.monotonic()
            self._turns.took(lane)
            self._live_crew.submit(task.work, task.late)
        else:
            self._other_crew.submit(partial(self._do_other, work), late)

    def _do_other(self, work: Callable[[], None]) -> None:
        self._turns.took(Lane.BACKFILL)
        work()

    def _live_ends(self) -> None:
        with self._lock:
            self._live -= 1
        self._other_crew.look_again()

    def _may_run(self) -> int:
        if self._live:
            return min(self._most, self._turns.owed)
        return self._size if time.monotonic() - self._live_at > QUIET_S else self._most


class _Ending:
    """A task that says once that it has ended, or that nobody waits for it any more."""

    def __init__(
        self, work: Callable[[], None], late: Callable[[], None], ends: Callable[[], None]
    ) -> None:
        self._work = work
        self._late = late
        self._ends = ends
        self._left = threading.Lock()

    def work(self) -> None:
        """Do it."""
        try:
            self._work()
        finally:
            self._end()

    def late(self) -> None:
        """It takes too long."""
        self._end()
        self._late()

    def _end(self) -> None:
        if self._left.acquire(blocking=False):
            self._ends()
