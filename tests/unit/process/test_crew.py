"""Threads with a deadline."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from dataflow.process.crew import Crew
from tests.patience import PATIENCE_S

SOON_S = 0.3


@dataclass
class Notes:
    """What has happened, in the order in which it did."""

    lines: list[str] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def note(self, line: str) -> Callable[[], None]:
        def write() -> None:
            with self.changed:
                self.lines.append(line)
                self.changed.notify_all()

        return write

    def expect(self, *lines: str) -> None:
        """Wait for these lines, in any order, and no others."""
        with self.changed:
            self.changed.wait_for(lambda: len(self.lines) >= len(lines), PATIENCE_S)
            assert sorted(self.lines) == sorted(lines)


@pytest.fixture
def notes() -> Notes:
    return Notes()


def wait_for(event: threading.Event) -> None:
    event.wait(PATIENCE_S)


def meet(together: threading.Barrier) -> None:
    together.wait(PATIENCE_S)


def test_everything_is_done_and_nothing_is_late(notes: Notes) -> None:
    crew = Crew(3, PATIENCE_S)
    for number in range(20):
        crew.submit(notes.note(f"done {number}"), notes.note(f"late {number}"))
    notes.expect(*(f"done {number}" for number in range(20)))


def test_as_many_work_at_a_time_as_the_crew_is_large(notes: Notes) -> None:
    crew, together = Crew(3, PATIENCE_S), threading.Barrier(3)
    for _ in range(6):
        crew.submit(lambda: meet(together), notes.note("late"))
    notes.expect()
    while crew._running or crew._tasks:
        time.sleep(0.001)
    notes.expect()
    assert not together.broken


def test_who_is_late_is_left_behind_once_and_replaced(notes: Notes) -> None:
    crew, repaired = Crew(1, SOON_S, notes.note("given up")), threading.Event()

    def come_back_late() -> None:
        repaired.wait(PATIENCE_S)
        notes.note("came back")()

    crew.submit(come_back_late, notes.note("late"))
    crew.submit(notes.note("next"), notes.note("next is late"))
    notes.expect("late", "next")
    repaired.set()
    notes.expect("late", "next", "came back")


def test_the_place_of_who_came_back_is_not_taken_twice(notes: Notes) -> None:
    crew, repaired = Crew(1, SOON_S, notes.note("given up")), threading.Event()
    for _ in range(3):
        crew.submit(lambda: wait_for(repaired), notes.note("late"))
        with notes.changed:
            assert notes.changed.wait_for(lambda: "late" in notes.lines, PATIENCE_S)
        repaired.set()
        while crew._left_behind:
            time.sleep(0.001)
        repaired.clear()
        notes.lines.clear()
    assert crew._present == 1


def test_a_process_with_too_many_left_behind_is_given_up(notes: Notes) -> None:
    crew, never = Crew(2, SOON_S, notes.note("given up")), threading.Event()
    for _ in range(2):
        crew.submit(lambda: wait_for(never), notes.note("late"))
    notes.expect("late", "late")
    crew.submit(lambda: wait_for(never), notes.note("late"))
    notes.expect("late", "late", "late", "given up")
    never.set()


def test_fewer_work_where_that_is_said(notes: Notes) -> None:
    most, free = [1], threading.Event()
    crew = Crew(2, PATIENCE_S, at_most=lambda: most[0])

    def hold() -> None:
        notes.note("began")()
        wait_for(free)

    for _ in range(2):
        crew.submit(hold, notes.note("late"))
    notes.expect("began")
    assert len(crew._running) == 1
    most[0] = 2
    crew.submit(notes.note("third"), notes.note("late"))
    notes.expect("began", "began")
    free.set()
    notes.expect("began", "began", "third")


@pytest.mark.skipif(sys.platform != "linux", reason="a thread has a priority on Linux alone")
def test_its_threads_stand_back_behind_others_and_no_others_do(notes: Notes) -> None:
    found: list[int] = []
    crew = Crew(1, PATIENCE_S, nice=7)

    def look() -> None:
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        notes.note("looked")()

    crew.submit(look, notes.note("late"))
    notes.expect("looked")
    assert found == [7]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == 0


def test_whoever_ends_waits_for_what_runs_and_lets_nothing_else_begin(notes: Notes) -> None:
    began, may_end = threading.Event(), threading.Event()
    crew = Crew(1, PATIENCE_S).resting_at_exit()

    def work() -> None:
        began.set()
        wait_for(may_end)
        notes.note("done")()

    crew.submit(work, notes.note("late"))
    crew.submit(notes.note("next"), notes.note("late"))
    wait_for(began)
    crew.rest(0)
    notes.expect()
    may_end.set()
    crew.rest(PATIENCE_S)
    notes.expect("done")
