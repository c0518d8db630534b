"""Threads that compute, none of which is waited for longer than a deadline.

Native code cannot be interrupted: a decoder that does not come back keeps its thread and its
memory. So a late thread is left behind, and another one takes its place. When more are left
behind than the crew is large, the process is given up: its jobs come again, the late ones alone.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import structlog

log = structlog.get_logger()

IDLE_S = 5.0
"""A thread that had nothing to do for so long ends."""


@dataclass(slots=True, eq=False)
class _Task:
    work: Callable[[], None]
    late: Callable[[], None]
    due: float = 0


def _give_up() -> None:
    log.critical("threads_stuck")
    os._exit(1)


class Crew:
    """At most ``size`` threads, and ``deadline_s`` seconds for each of their tasks."""

    def __init__(
        self,
        size: int,
        deadline_s: float,
        give_up: Callable[[], None] = _give_up,
        name: str = "crew",
    ) -> None:
        self._name = name
        self._size = size
        self._deadline_s = deadline_s
        self._give_up = give_up
        lock = threading.Lock()
        self._came = threading.Condition(lock)
        self._began = threading.Condition(lock)
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

    def _next(self) -> _Task | None:
        with self._came:
            self._idle += 1
            self._came.wait_for(lambda: self._tasks, IDLE_S)
            self._idle -= 1
            if not self._tasks:
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
            self._left_behind += 1
            if self._left_behind > self._size:
                self._give_up()
            self._hire()
            self._present -= 1  # the new one for the one that was left behind
            return first.late
