"""What keeps a process from working, and whether it is still alive."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from structlog.testing import capture_logs

from dataflow.jobs.errors import DataError, SystemicError, TransientError
from dataflow.jobs.reason import Reason
from dataflow.process.health import NAMED, Cause, Health


@dataclass
class Clock:
    now: float = 1000

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def health(clock: Clock) -> Health:
    return Health(report_every_s=10, now=clock)


def test_nothing_is_wrong_at_first(health: Health) -> None:
    assert health.causes() == []
    assert health.still_for_s() == 0


def test_a_cause_is_named_with_its_last_error_and_how_long_it_lasts(
    health: Health, clock: Clock
) -> None:
    health.suffer("store", "refused")
    clock.now += 7
    health.suffer("store", "still refused")
    health.suffer("NATS", "disconnected")
    assert health.causes() == [Cause("store", "still refused", 7), Cause("NATS", "disconnected", 0)]


def test_a_cause_lasts_until_the_last_who_suffers_has_recovered(
    health: Health, clock: Clock
) -> None:
    for sufferer in (1, 2, 2):
        health.suffer("store", "refused", sufferer)
    clock.now += 5
    assert health.recover("store", 1) is None
    assert health.causes()
    assert health.recover("store", 2) == 5
    assert health.causes() == []
    assert health.recover("store", 2) is None


def test_who_does_not_suffer_recovers_nobody(health: Health) -> None:
    health.suffer("store", "refused", 1)
    assert health.recover("store", 2) is None
    assert health.recover("NATS") is None
    assert health.causes()


def test_many_who_suffer_are_logged_once_an_interval(health: Health, clock: Clock) -> None:
    watches = [health.watch("store") for _ in range(8)]
    with capture_logs() as logs:
        for _ in range(31):
            for watch in watches:
                watch.failed("refused")
            clock.now += 1
        for watch in watches:
            watch.succeeded()
    assert [(line["event"], line.get("for_s")) for line in logs] == [
        *(("dependency_unusable", for_s) for for_s in (0, 10, 20, 30)),
        ("dependency_back", None),
    ]


@pytest.mark.parametrize(
    ("error", "usable"),
    [
        (SystemicError("refused"), False),
        (TransientError("busy"), True),
        (DataError(Reason.IMAGE_NOT_FOUND, "gone"), True),
        (ValueError("a bug"), True),
    ],
)
def test_only_a_systemic_failure_makes_a_dependency_unusable(
    error: Exception,
    usable: bool,  # noqa: FBT001 - a table's column
    health: Health,
) -> None:
    with pytest.raises(type(error)), health.watch("store"):
        raise error
    assert (health.causes() == []) == usable


def test_the_slowest_loop_tells_how_long_nothing_moved(health: Health, clock: Clock) -> None:
    health.tick("slow")
    clock.now += 3
    health.tick("quick")
    clock.now += 1
    assert health.still_for_s() == 4
    health.tick("slow")
    assert health.still_for_s() == 1


def test_who_waits_for_a_dependency_is_alive_however_long(health: Health, clock: Clock) -> None:
    health.tick()
    health.suffer("store", "refused")
    clock.now += 9999
    assert health.still_for_s() == 0
    health.recover("store")
    assert health.still_for_s() == 0
    clock.now += 2
    assert health.still_for_s() == 2


def test_of_many_jobs_that_are_held_all_are_named_in_turn_and_few_at_a_time(
    health: Health, clock: Clock
) -> None:
    watches = [health.watch("store", {"stream_seq": number}) for number in range(12)]
    rounds = []
    for _ in range(4):
        with capture_logs() as logs:
            for watch in watches:
                watch.failed("refused")
        rounds.append([line["stream_seq"] for line in logs if line["event"] == "job_held"])
        clock.now += 10
    assert rounds[0] == [0]  # the others came a moment later
    assert [len(some) for some in rounds[1:]] == [NAMED] * 3
    assert {number for some in rounds for number in some} == set(range(12))


def test_who_is_held_no_longer_is_not_named(health: Health, clock: Clock) -> None:
    first, second = (health.watch("store", {"stream_seq": number}) for number in (1, 2))
    first.failed("refused")
    second.failed("refused")
    first.succeeded()
    clock.now += 10
    with capture_logs() as logs:
        second.failed("refused")
    assert [(line["event"], line.get("jobs_held"), line.get("stream_seq")) for line in logs] == [
        ("dependency_unusable", 1, None),
        ("job_held", None, 2),
    ]
