"""The thread of a worker that keeps tags true: it works, rests, and says how far it is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from connectors.postgres.tags import keeping, sifting
from connectors.postgres.tags.keeping import keep_matching
from connectors.postgres.tags.rematching import Rematching
from dataflow.process.metrics import (
    REMATCH_AGE,
    REMATCH_SHARE,
    REMATCH_WAITING,
    REMATCHED_PHOTOS,
)
from tests.builders import photo, user
from tests.fixtures.recording import Records, face
from tests.fixtures.rematching import NEAR
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


def test_beside_jobs_it_rests_longer_than_it_works(
    records: Records, rematching: Rematching
) -> None:
    rests = list[float]()

    class Watched(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            rests.append(timeout or 0)
            return super().wait(0)

    records.add_photos(1)
    records.recorder(NEAR).record([face(1, 0)])
    for busy in (True, False):
        records.add_user(1 + busy, 0)
        stop = Watched()
        thread = keep_matching(rematching, stop, lambda busy=busy: busy)  # type: ignore[misc]
        eventually(lambda: keeping.LOOK_S in rests, "nothing waits")
        stop.set()
        thread.join()
        worked = rests[1 : rests.index(keeping.LOOK_S)]
        assert worked
        assert all((rest > 0) == busy for rest in worked)
        rests.clear()


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
