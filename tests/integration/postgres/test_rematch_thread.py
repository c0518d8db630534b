"""The thread of a worker that keeps tags true: it works, rests, and says how far it is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from connectors.postgres.tags import keeping, sifting
from connectors.postgres.tags.keeping import keep_matching
from connectors.postgres.tags.rematching import PHOTOS_AT_A_TIME, Rematching
from dataflow.process.metrics import (
    REMATCH_AGE,
    REMATCH_SHARE,
    REMATCH_WAITING,
    REMATCHED_PHOTOS,
)
from tests.builders import photo, user
from tests.fixtures.recording import Records, face
from tests.fixtures.rematching import NEAR, settle
from tests.world import eventually

GAUGES = (REMATCH_WAITING, REMATCH_AGE, REMATCH_SHARE)


def values() -> list[float]:
    return [gauge._value.get() for gauge in GAUGES]


@contextmanager
def kept(rematching: Rematching, *, busy: bool = False) -> Iterator[threading.Event]:
    stop = threading.Event()
    thread = keep_matching(rematching, stop, lambda: busy)
    try:
        yield stop
    finally:
        stop.set()
        thread.join()


def test_it_notices_changes_and_says_how_far_it_is(
    records: Records, rematching: Rematching, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sifting, "BLOCKS", 1)
    monkeypatch.setattr(sifting, "BLOCKS_OF_ALL", 1)
    numbers = range(1, 101)
    records.add_photos(*numbers)
    records.recorder(NEAR).record([face(number, 0) for number in numbers])
    seen, tell = list[list[float]](), keeping._tell

    def noted(*arguments: Any) -> None:  # noqa: ANN401 - passed on
        tell(*arguments)
        seen.append(values())

    monkeypatch.setattr(keeping, "_tell", noted)
    before = REMATCHED_PHOTOS._value.get()
    with kept(rematching):
        records.add_user(1, 0)
        eventually(lambda: len(records.matches()) == len(numbers), "all are tagged")
        eventually(lambda: not records.run("select 1 from face_rematches"), "nothing waits")
        eventually(lambda: values() == [0, 0, 0], "it says so")

    at_work = [line for line in seen if line[0]]
    assert {waiting for waiting, _, _ in at_work} == {1}
    shares = [share for _, _, share in at_work]
    assert shares == sorted(shares)
    assert len(set(shares) - {0, 1}) > 1
    # Some lie in the free room of a later block when their row was written again.
    assert len(numbers) <= REMATCHED_PHOTOS._value.get() - before < 1.5 * len(numbers)
    assert values() == [0, 0, 0]


@pytest.mark.parametrize("busy", [True, False])
def test_beside_jobs_it_rests_longer_than_it_works(
    records: Records, rematching: Rematching, *, busy: bool
) -> None:
    rests = list[float]()

    class Watched(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            rests.append(timeout or 0)
            return super().wait(0)

    numbers = range(1, 101)
    records.add_photos(*numbers)
    records.recorder(NEAR).record([face(number, 0) for number in numbers])
    records.add_user(1, 0)
    stop = Watched()
    thread = keep_matching(rematching, stop, lambda: busy)
    eventually(lambda: keeping.LOOK_S in rests, "nothing waits")
    stop.set()
    thread.join()

    rested = [rest for rest in rests[: rests.index(keeping.LOOK_S)] if rest]
    # After each look, and after each few photos.
    assert len(rested) > len(numbers) // PHOTOS_AT_A_TIME if busy else rested == []


def test_a_stop_in_the_middle_loses_nothing(records: Records, rematching: Rematching) -> None:
    numbers = range(1, 201)
    records.add_photos(*numbers)
    records.recorder(NEAR).record([face(number, 0) for number in numbers])
    records.add_user(1, 0)

    class Soon(threading.Event):
        asked = 0

        def wait(self, timeout: float | None = None) -> bool:
            self.asked += 1
            return self.asked > 5 or super().wait(timeout and 0)

    keep_matching(rematching, Soon(), lambda: True).join()
    assert 0 < len(records.matches()) < len(numbers)
    settle(rematching)
    assert len(records.matches()) == len(numbers)


def test_a_database_that_is_away_is_left_alone_for_a_while(
    records: Records, rematching: Rematching, monkeypatch: pytest.MonkeyPatch
) -> None:
    records.add_photos(1)
    records.recorder(NEAR).record([face(1, 0)])
    monkeypatch.setattr(keeping, "AWAY_S", 0)
    with kept(rematching):
        for _ in range(3):
            records.run(
                "select pg_terminate_backend(pid) from pg_stat_activity "
                "where datname = current_database() and pid <> pg_backend_pid()"
            )
        records.add_user(1, 0)
        eventually(lambda: records.matches() == {photo(1): user(1)}, "it is at it again")
