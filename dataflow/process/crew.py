"""Threads that compute, none of which is waited for longer than a deadline.

Native code cannot be interrupted: a decoder that does not come back keeps its thread and its
memory. So a late thread is left behind, and another one takes its place. When more are left
behind than the crew is large, the process is given up: its jobs come again, the late ones alone.
"""

from __future__ import annotations

import atexit
import math
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import structlog

from dataflow.jobs.lane import Lane, Turns

log = structlog.get_logger()

QUIET_S = 10.0
"""Without a live task for so long, the other ones may have all threads."""
IDLE_S = 5.0
"""A thread that had nothing to do for so long ends."""
REST_S = 10.0
"""How long the end of the process waits for native code that still computes."""


@dataclass(frozen=True, slots=True)
class Sharing:
    """What tasks that can wait have of a crew while live ones come.

    At most ``threads``, by default all but one, and ``share`` of the turns where both wait.
    """

    threads: int | None = None
    share: float = 0


ALONE = Sharing()


@dataclass(slots=True, eq=False)
class _Task:
    work: Callable[[], None]
    late: Callable[[], None]
    lane: Lane
    due: float = 0


def _give_up() -> None:
    log.critical("threads_stuck")
    os._exit(1)


class Crew:
    """At most ``size`` threads, and ``deadline_s`` seconds for each of their tasks.

    Live tasks go first, but for the share of turns that ``sharing`` gives the others. While live
    ones come, the others begin only where that leaves a thread free for the next live one.
    """

    def __init__(
        self,
        size: int,
        deadline_s: float,
        give_up: Callable[[], None] = _give_up,
        name: str = "crew",
        sharing: Sharing = ALONE,
    ) -> None:
        self._name = name
        self._size = size
        self._deadline_s = deadline_s
        self._give_up = give_up
        self._backfill_most = min(size, sharing.threads or max(1, size - 1))
        self._turns = Turns(sharing.share)
        self._live_at = -math.inf
        lock = threading.Lock()
        self._came = threading.Condition(lock)
        self._began = threading.Condition(lock)
        self._ended = threading.Condition(lock)
        self._tasks = {lane: deque[_Task]() for lane in Lane}
        self._running = deque[_Task]()
        self._present = self._idle = self._left_behind = 0
        self._overseen = False

    def submit(
        self, work: Callable[[], None], late: Callable[[], None], lane: Lane = Lane.LIVE
    ) -> None:
        """Have some work done by and by; ``late`` is called once if it takes too long.

        Neither may raise. A late work that ends after all has nobody waiting for it.
        """
        with self._came:
            self._tasks[lane].append(_Task(work, late, lane))
            if lane is Lane.LIVE:
                self._live_at = time.monotonic()
            if self._idle < sum(map(len, self._tasks.values())) and self._present < self._size:
                self._hire()
            self._came.notify()

    def resting_at_exit(self) -> Self:
        """The same, which the end of the process waits for, though not for long.

        Native code that comes back to a Python that is ending aborts the process.
        """
        atexit.register(_rest, weakref.ref(self))
        return self

    def rest(self, longest_s: float) -> None:
        """Wait for the tasks that run; those that have not begun never will."""
        with self._came:
            for tasks in self._tasks.values():
                tasks.clear()
            self._ended.wait_for(lambda: not self._running, longest_s)

    def _hire(self) -> None:
        self._present += 1
        threading.Thread(target=self._labour, name=self._name, daemon=True).start()

    def _labour(self) -> None:
        while task := self._next():
            task.work()
            with self._came:
                if task not in self._running:
                    self._left_behind -= 1
                    return  # another thread has its place
                self._running.remove(task)
                self._ended.notify_all()

    def _next(self) -> _Task | None:
        with self._came:
            self._idle += 1
            lane = self._came.wait_for(self._whose_turn, IDLE_S)
            self._idle -= 1
            if lane is None:
                self._present -= 1
                return None
            task = self._tasks[lane].popleft()
            self._turns.took(lane)
            task.due = time.monotonic() + self._deadline_s
            self._running.append(task)
            if not self._overseen:
                self._overseen = True
                threading.Thread(target=self._oversee, name="deadline", daemon=True).start()
            self._began.notify()
            return task

    def _whose_turn(self) -> Lane | None:
        """The lane whose task comes next, ``None`` if none may begin."""
        live, backfill = self._tasks[Lane.LIVE], self._tasks[Lane.BACKFILL]
        others = sum(task.lane is Lane.BACKFILL for task in self._running)
        owed = bool(backfill) and self._turns.owed > 0 and others < self._backfill_most
        if live and not owed:
            return Lane.LIVE
        return Lane.BACKFILL if owed or (backfill and self._has_room_to_fill()) else None

    def _has_room_to_fill(self) -> bool:
        """Whether a task that can wait would leave a thread for the next live one, if any come."""
        quiet = time.monotonic() - self._live_at > QUIET_S
        return len(self._running) < (self._size if quiet else self._backfill_most)

    def _oversee(self) -> None:
        while late := self._overdue():
            late()

    def _overdue(self) -> Callable[[], None] | None:
        """Wait for the next that is late; ``None`` when there was nothing to wait for."""
        with self._began:
            while True:
                if not self._running and not self._began.wait_for(lambda: self._running, IDLE_S):
                    self._overseen = False
                    return None
                # All have the same deadline, so the first to begin is the first to be late.
                first = self._running[0]
                wait_s = first.due - time.monotonic()
                if wait_s <= 0:
                    break
                self._began.wait(wait_s)
            self._running.popleft()
            self._ended.notify_all()
            self._left_behind += 1
            if self._left_behind > self._size:
                self._give_up()
            self._hire()
            self._present -= 1  # the new one for the one that was left behind
            return first.late


def _rest(crew: weakref.ref[Crew]) -> None:
    if found := crew():
        found.rest(REST_S)
