"""Trying again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from dataflow.jobs.errors import DataError, Stopped, SystemicError, TransientError
from dataflow.jobs.reason import Reason
from dataflow.process.health import Health
from dataflow.process.retry import LinearBackoff, Persistence
from tests.builders import RecordingStop

BACKOFF = LinearBackoff(tries=3, step_s=0.5)


def results(*outcomes: Exception | str) -> Callable[[], str]:
    """An operation that has these results, one after the other."""
    rest: Iterator[Exception | str] = iter(outcomes)

    def operation() -> str:
        outcome = next(rest)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return operation


@pytest.mark.parametrize(
    ("tries", "tries_made", "wait_s"),
    [(3, 1, 0.5), (3, 2, 1.0), (3, 3, None), (3, 4, None), (1, 1, None), (5, 4, 2.0)],
)
def test_the_wait_grows_by_one_step_a_try(tries: int, tries_made: int, wait_s: float) -> None:
    assert LinearBackoff(tries, 0.5).wait_s(tries_made) == wait_s


@given(st.integers(1, 20))
def test_so_many_tries_are_made_with_a_wait_between_each_two(tries: int) -> None:
    stop = RecordingStop()
    made = []

    def operation() -> None:
        made.append(1)
        raise TransientError("busy")

    with pytest.raises(TransientError, match="busy"):
        Persistence(LinearBackoff(tries, 2.0), stop).call(operation, "store")
    assert len(made) == tries
    assert stop.waits == [2.0 * n for n in range(1, tries)]


def test_a_success_is_returned_at_once() -> None:
    stop = RecordingStop()
    with capture_logs() as logs:
        assert Persistence(BACKOFF, stop).call(results("done"), "store") == "done"
    assert (stop.waits, logs) == ([], [])


def test_a_transient_failure_is_tried_again() -> None:
    stop = RecordingStop()
    operation = results(TransientError("busy"), TransientError("busy"), "done")
    assert Persistence(BACKOFF, stop).call(operation, "store") == "done"
    assert stop.waits == [0.5, 1.0]


@pytest.mark.parametrize(
    "error", [DataError(Reason.IMAGE_NOT_FOUND, "gone"), ValueError("a bug"), Stopped("stopped")]
)
def test_what_no_second_try_can_help_is_raised_at_once(error: Exception) -> None:
    stop = RecordingStop()
    with pytest.raises(type(error)):
        Persistence(BACKOFF, stop).call(results(error), "store")
    assert stop.waits == []


def test_a_systemic_failure_is_held_without_burning_tries() -> None:
    stop = RecordingStop()
    outage = [SystemicError("refused")] * 50
    operation = results(
        TransientError("busy"), *outage, TransientError("busy"), *outage, TransientError("last")
    )
    with pytest.raises(TransientError, match="last"):
        Persistence(BACKOFF, stop, hold_s=9).call(operation, "store")
    assert stop.waits == [0.5, *[9] * 50, 1.0, *[9] * 50]


def test_an_outage_is_logged_once_an_interval_and_once_when_it_is_over() -> None:
    stop = RecordingStop()
    health = Health(report_every_s=10, now=lambda: 1000 + sum(wait or 0 for wait in stop.waits))
    operation = results(*[SystemicError("refused")] * 31, "back")
    with capture_logs() as logs:
        Persistence(BACKOFF, stop, hold_s=1, health=health).call(operation, "store")
    unusable: dict[str, object] = {
        "event": "dependency_unusable",
        "dependency": "store",
        "error": "refused",
    }
    assert logs == [
        *(unusable | {"log_level": "warning", "for_s": for_s} for for_s in (0, 10, 20, 30)),
        {"event": "dependency_back", "dependency": "store", "log_level": "info", "after_s": 31},
    ]


@pytest.mark.parametrize("error", [SystemicError("refused"), TransientError("busy")])
def test_a_stop_request_ends_the_wait(error: Exception) -> None:
    stop = RecordingStop(patience=1)
    with pytest.raises(Stopped, match="store"):
        Persistence(LinearBackoff(9, 1), stop).call(results(*[error] * 9), "store")
    assert len(stop.waits) == 2


def test_a_stop_request_during_a_real_wait_ends_it_at_once() -> None:
    stop = threading.Event()
    threading.Timer(0.05, stop.set).start()
    with pytest.raises(Stopped):
        Persistence(BACKOFF, stop, hold_s=60).call(results(SystemicError("refused")), "store")


def test_one_more_try_is_made_although_a_stop_was_asked_for() -> None:
    stop = RecordingStop(patience=0)
    stop.set()
    assert Persistence(BACKOFF, stop).call(results("done"), "store") == "done"


def test_a_command_tries_again_what_may_pass_and_nothing_else() -> None:
    backoff = LinearBackoff(tries=3, step_s=0.0)
    busy = TransientError("busy")

    assert backoff.call(results(busy, busy, "done")) == "done"
    with pytest.raises(TransientError, match="busy"):
        backoff.call(results(busy, busy, busy, "too late"))
    with pytest.raises(SystemicError, match="refused"):
        backoff.call(results(SystemicError("refused"), "never asked"))
