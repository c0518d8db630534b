"""Threads with a deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from dataflow.jobs.lane import Lane
from dataflow.process.crew import Crew, Sharing
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
    while crew._running or any(crew._tasks.values()):
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


class Queue:
    """Tasks that note their lanes, behind one that can wait and has begun."""

    def __init__(self, crew: Crew) -> None:
        self.crew = crew
        self.began: list[str] = []
        self.free = threading.Event()
        self._ended = threading.Semaphore(0)
        self._wanted = 0
        holds = threading.Event()
        crew.submit(lambda: self._hold(holds), fail, Lane.BACKFILL)
        assert holds.wait(PATIENCE_S)

    def _hold(self, holds: threading.Event) -> None:
        holds.set()
        self.free.wait(PATIENCE_S)

    def submit(self, lane: Lane, count: int = 1) -> None:
        for _ in range(count):
            self._wanted += 1
            self.crew.submit(lambda: self._note(str(lane)), fail, lane)

    def _note(self, name: str) -> None:
        self.began.append(name)
        self._ended.release()

    def run(self) -> list[str]:
        """Let the first one end; returns the lanes of the others in the order of their begin."""
        self.free.set()
        for _ in range(self._wanted):
            self.wait_for_one()
        return self.began

    def wait_for_one(self) -> None:
        assert self._ended.acquire(timeout=PATIENCE_S)


def fail() -> None:
    raise AssertionError("late")


def test_live_tasks_overtake_those_that_can_wait() -> None:
    queue = Queue(Crew(1, PATIENCE_S))
    queue.submit(Lane.BACKFILL, 3)
    queue.submit(Lane.LIVE, 2)
    assert queue.run() == ["live"] * 2 + ["backfill"] * 3


def test_those_that_can_wait_have_their_share_of_the_turns() -> None:
    queue = Queue(Crew(1, PATIENCE_S, sharing=Sharing(share=0.25)))
    queue.submit(Lane.BACKFILL, 2)
    queue.submit(Lane.LIVE, 6)
    assert queue.run() == [*["live"] * 3, "backfill", *["live"] * 3, "backfill"]


@pytest.mark.parametrize(("size", "threads"), [(2, None), (3, 1)])
def test_while_live_tasks_come_threads_are_kept_free_of_others(
    size: int, threads: int | None
) -> None:
    crew = Crew(size, PATIENCE_S, sharing=Sharing(threads))
    crew.submit(lambda: None, fail)
    queue = Queue(crew)
    queue.submit(Lane.BACKFILL)
    queue.submit(Lane.LIVE)
    queue.wait_for_one()
    assert queue.began == ["live"]
    queue.free.set()
    queue.wait_for_one()
    assert queue.began == ["live", "backfill"]


def test_without_live_tasks_the_others_have_all_threads() -> None:
    crew, together = Crew(2, PATIENCE_S), threading.Barrier(3)
    for _ in range(2):
        crew.submit(lambda: meet(together), fail, Lane.BACKFILL)
    together.wait(PATIENCE_S)


def test_whoever_ends_waits_for_what_runs_and_lets_nothing_else_begin() -> None:
    notes, began, may_end = Notes(), threading.Event(), threading.Event()
    crew = Crew(1, PATIENCE_S).resting_at_exit()

    def work() -> None:
        began.set()
        may_end.wait(PATIENCE_S)
        notes.note("done")()

    crew.submit(work, notes.note("late"))
    crew.submit(notes.note("next"), notes.note("late"))
    assert began.wait(PATIENCE_S)
    crew.rest(0)
    notes.expect()
    may_end.set()
    crew.rest(PATIENCE_S)
    notes.expect("done")
