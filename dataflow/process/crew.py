"""Threads that compute, none of which is waited for longer than a deadline.

Native code cannot be interrupted: a decoder that does not come back keeps its thread and its
memory. So a late thread is left behind, and another one takes its place. When more are left
behind than the crew is large, the process is given up: its jobs come again, the late ones alone.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

import structlog

log = structlog.get_logger()

IDLE_S = 5.0
"""A thread that had nothing to do for so long ends."""
REST_S = 10.0
"""How long the end of the process waits for native code that still computes."""


@dataclass(slots=True, eq=False)
class _Task:
    work: Callable[[], None]
    late: Callable[[], None]
    due: float = 0


def _give_up() -> None:
    log.critical("threads_stuck")
    os._exit(1)


class Crew:
    """At most ``size`` threads, and ``deadline_s`` seconds for each of their tasks.

    ``at_most`` says how many may work just now, where that changes. ``nice`` is how much the
    threads stand back behind others, in the system's steps from 0 to 19; Linux alone heeds it.
    """

    def __init__(  # noqa: PLR0913 - each by its name
        self,
        size: int,
        deadline_s: float,
        give_up: Callable[[], None] = _give_up,
        *,
        name: str = "crew",
        nice: int = 0,
        at_most: Callable[[], int] | None = None,
    ) -> None:
        self._name = name
        self._size = size
        self._deadline_s = deadline_s
        self._give_up = give_up
        self._nice = nice
        self._at_most = at_most or (lambda: size)
        lock = threading.Lock()
        self._came = threading.Condition(lock)
        self._began = threading.Condition(lock)
        self._ended = threading.Condition(lock)
        self._tasks = deque[_Task]()
        self._running = deque[_Task]()
        self._present = self._idle = self._left_behind = 0
        self._overseen = False

    def submit(self, work: Callable[[], None], late: Callable[[], None]) -> None:
        """Have some work done by and by; ``late`` is called once if it takes too long.

        Neither may raise. A late work that ends after all has nobody waiting for it.
        """
        with self._came:
            self._tasks.append(_Task(work, late))
            if self._idle < len(self._tasks) and self._present < self._size:
                self._hire()
            self._came.notify()

    def look_again(self) -> None:
        """More may work now than before."""
        with self._came:
            self._came.notify_all()

    def resting_at_exit(self) -> Self:
        """The same, which the end of the process waits for, though not for long.

        Native code that comes back to a Python that is ending aborts the process.
        """
        atexit.register(_rest, weakref.ref(self))
        return self

    def rest(self, longest_s: float) -> None:
        """Wait for the tasks that run; those that have not begun never will."""
        with self._came:
            self._tasks.clear()
            self._ended.wait_for(lambda: not self._running, longest_s)

    def _hire(self) -> None:
        self._present += 1
        threading.Thread(target=self._labour, name=self._name, daemon=True).start()

    def _labour(self) -> None:
        if self._nice and sys.platform == "linux":  # elsewhere a thread has no number of its own
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), self._nice)
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
            may_begin = self._came.wait_for(
                lambda: self._tasks and len(self._running) < self._at_most(), IDLE_S
            )
            self._idle -= 1
            if not may_begin:
                self._present -= 1
                return None
            task = self._tasks.popleft()
            task.due = time.monotonic() + self._deadline_s
            self._running.append(task)
            if not self._overseen:
                self._overseen = True
                threading.Thread(target=self._oversee, name="deadline", daemon=True).start()
            self._began.notify()
            return task

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
