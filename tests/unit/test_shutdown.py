"""Signals, as a process of its own receives them."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dataflow.health import Health
from dataflow.shutdown import stop_on_signals

WORKER = """
import sys, threading
from dataflow.health import Health
from dataflow.shutdown import stop_on_signals

stop = threading.Event()
stop_on_signals(stop, float(sys.argv[2]), Health())
print("ready", flush=True)
while not stop.wait(0.01):
    pass
print("draining", flush=True)
if sys.argv[1] == "stuck":
    threading.Event().wait()
"""


@contextmanager
def worker(kind: str, drain_timeout_s: float = 60) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", WORKER, kind, str(drain_timeout_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            expect(process, "ready")
            yield process
        finally:
            process.kill()


def expect(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout
    lines = iter(process.stdout.readline, "")
    assert any(line.strip() == word for line in lines)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_lets_the_worker_end_by_itself(number: signal.Signals) -> None:
    with worker("quick") as process:
        process.send_signal(number)
        assert process.wait(timeout=20) == 0


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        (signal.SIGTERM, signal.SIGTERM, 143),
        (signal.SIGINT, signal.SIGINT, 130),
        (signal.SIGTERM, signal.SIGINT, 130),
    ],
)
def test_the_second_signal_ends_a_stuck_worker_at_once(
    first: signal.Signals, second: signal.Signals, code: int
) -> None:
    with worker("stuck") as process:
        process.send_signal(first)
        expect(process, "draining")
        process.send_signal(second)
        assert process.wait(timeout=20) == code


def test_a_drain_that_takes_too_long_is_given_up() -> None:
    with worker("stuck", drain_timeout_s=0.2) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 1


def test_a_thread_that_may_not_handle_signals_leaves_them_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    stop = threading.Event()
    thread = threading.Thread(target=stop_on_signals, args=[stop, 60, Health()])
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is before
    assert not stop.is_set()
