"""Cores for live photos and for photos that can wait."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from dataflow.jobs.lane import Lane
from dataflow.process import sharing
from dataflow.process.sharing import SharedCores
from tests.patience import PATIENCE_S


class Work:
    """Tasks of both lanes that are held until their lane is let go."""

    def __init__(self, cores: SharedCores) -> None:
        self.cores = cores
        self.order: list[Lane] = []
        self._changed = threading.Condition()
        self._free = {lane: threading.Event() for lane in Lane}

    def submit(self, lane: Lane, count: int = 1) -> None:
        for _ in range(count):
            self.cores.submit(lambda: self._hold(lane), fail, lane)

    def _hold(self, lane: Lane) -> None:
        with self._changed:
            self.order.append(lane)
            self._changed.notify_all()
        self._free[lane].wait(PATIENCE_S)

    def expect(self, live: int, backfill: int) -> None:
        """Wait until so many have begun."""
        wanted = {Lane.LIVE: live, Lane.BACKFILL: backfill}
        with self._changed:
            assert self._changed.wait_for(
                lambda: +Counter(self.order) == +Counter(wanted), PATIENCE_S
            )

    def end(self, *lanes: Lane) -> None:
        for lane in lanes or Lane:
            self._free[lane].set()


def fail() -> None:
    raise AssertionError("late")


def test_live_work_never_waits_for_work_that_can_wait() -> None:
    work = Work(SharedCores(2, PATIENCE_S))
    work.submit(Lane.BACKFILL, 5)
    work.expect(live=0, backfill=2)
    work.submit(Lane.LIVE, 2)
    work.expect(live=2, backfill=2)
    work.end()
    work.expect(live=2, backfill=5)


def test_none_that_can_wait_begins_while_a_live_one_is_there() -> None:
    work = Work(SharedCores(2, PATIENCE_S))
    work.submit(Lane.LIVE, 3)
    work.submit(Lane.BACKFILL)
    work.expect(live=2, backfill=0)
    work.end()
    work.expect(live=3, backfill=1)
    assert work.order[-1] is Lane.BACKFILL


def test_those_that_can_wait_have_their_share_of_the_turns() -> None:
    work = Work(SharedCores(2, PATIENCE_S, share=0.25))
    work.submit(Lane.LIVE, 3)
    work.submit(Lane.BACKFILL, 3)
    work.expect(live=2, backfill=1)
    work.end()
    work.expect(live=3, backfill=3)


@pytest.mark.parametrize(("size", "most", "begin"), [(1, None, 1), (3, None, 2), (3, 1, 1)])
def test_between_live_tasks_threads_are_kept_free_of_others(
    size: int, most: int | None, begin: int
) -> None:
    work = Work(SharedCores(size, PATIENCE_S, most=most))
    work.end(Lane.LIVE)
    work.submit(Lane.LIVE)
    work.submit(Lane.BACKFILL, 5)
    work.expect(live=1, backfill=begin)
    work.end()
    work.expect(live=1, backfill=5)


def test_when_no_live_task_comes_any_more_the_others_have_all_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    work = Work(SharedCores(2, PATIENCE_S))
    work.end(Lane.LIVE)
    work.submit(Lane.LIVE)
    work.submit(Lane.BACKFILL)
    work.expect(live=1, backfill=1)
    monkeypatch.setattr(sharing, "QUIET_S", 0)
    work.submit(Lane.BACKFILL)
    work.expect(live=1, backfill=2)
    work.end()


def test_one_that_is_late_holds_up_no_others() -> None:
    cores, late, repaired = SharedCores(2, 0.2), threading.Event(), threading.Event()
    done = threading.Event()
    cores.submit(lambda: wait(repaired), late.set, Lane.LIVE)
    cores.submit(done.set, fail, Lane.BACKFILL)
    assert late.wait(PATIENCE_S)
    assert done.wait(PATIENCE_S)
    repaired.set()


def wait(event: threading.Event) -> None:
    event.wait(PATIENCE_S)
