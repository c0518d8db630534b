"""How many jobs that can wait a process may ask for."""

from __future__ import annotations

from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from connectors.jetstream.jobs.heartbeat import InFlight
from connectors.jetstream.jobs.room import Room
from dataflow.jobs.lane import Lane

BUSY = 8


class Held(list[str]):
    """The ack tokens of a process, by the names of the consumers alone."""

    def by(self, consumer: str) -> int:
        return self.count(consumer)


def room(live: int = 0, backfill: int = 0, share: float = 0.05) -> Room:
    held = Held(["live"] * live + ["backfill"] * backfill)
    return Room(cast("InFlight", held), "backfill", share)


def test_an_idle_process_takes_what_keeps_it_busy() -> None:
    assert room().left(BUSY) == BUSY
    assert room(backfill=3).left(BUSY) == BUSY - 3


def test_live_jobs_take_the_place_of_others() -> None:
    assert room(live=3).left(BUSY) == BUSY - 3
    assert room(live=BUSY).left(BUSY) == 0
    assert room(live=100).left(BUSY) == 0


def test_they_are_asked_for_in_few_large_pulls() -> None:
    assert room(backfill=BUSY // 2).left(BUSY) == BUSY // 2
    assert room(backfill=BUSY // 2 + 1).left(BUSY) == 0
    assert room(live=BUSY // 2 + 1).left(BUSY) == 0


def test_what_is_asked_for_is_as_good_as_held() -> None:
    asking = room()
    with asking.asking(Lane.BACKFILL, 5), asking.asking(Lane.LIVE, 16):
        assert asking.left(BUSY) == 0
    assert asking.left(BUSY) == BUSY


def test_a_share_of_the_pulls_is_the_backfills_however_many_live_jobs_there_are() -> None:
    busy = room(live=100)
    busy.came(Lane.LIVE, 19)
    assert busy.left(BUSY) == 1
    busy.came(Lane.BACKFILL, 1)
    assert busy.left(BUSY) == 0


@given(
    live=st.integers(0, 100),
    backfill=st.integers(0, 20),
    asked=st.integers(0, 20),
    came=st.integers(0, 1000),
    share=st.floats(0, 0.5),
)
def test_a_process_never_holds_more_of_the_backfill_than_keeps_it_busy(
    live: int, backfill: int, asked: int, came: int, share: float
) -> None:
    some = room(live, backfill, share)
    some.came(Lane.LIVE, came)
    with some.asking(Lane.BACKFILL, asked):
        assert 0 <= some.left(BUSY) <= max(0, BUSY - backfill - asked)
