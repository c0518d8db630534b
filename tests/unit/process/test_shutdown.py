"""Signals, as a process of its own receives them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from dataflow.process.health import Health
from dataflow.process.shutdown import stop_on_signals
from tests.patience import PATIENCE_S

WORKER = """
import hashlib, sys, threading
import structlog
from dataflow.process.health import Health
from dataflow.process.logs import configure_logs
from dataflow.settings import LogSettings
from dataflow.process.shutdown import stop_on_signals

kind, drain_timeout_s = sys.argv[1:]
configure_logs(LogSettings())
stop = threading.Event()
stop_on_signals(stop, float(drain_timeout_s), Health())
print("ready", flush=True)
if kind == "deaf":
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)
while not stop.wait(0 if kind == "talkative" else 0.01):
    if kind == "talkative":
        structlog.get_logger().info("busy")
if kind == "stuck":
    threading.Event().wait()
"""


@contextmanager
def worker(kind: str, drain_timeout_s: float = 60) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", WORKER, kind, str(drain_timeout_s)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def events(process: subprocess.Popen[str]) -> Iterator[str]:
    """What it says, line by line."""
    assert process.stderr
    return (json.loads(line)["event"] for line in process.stderr)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_lets_the_worker_end_by_itself(number: signal.Signals) -> None:
    with worker("quick") as process:
        process.send_signal(number)
        assert process.wait(timeout=PATIENCE_S) == 0


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
        assert next(events(process)) == "draining"
        process.send_signal(second)
        assert process.wait(timeout=PATIENCE_S) == code


def test_a_worker_in_native_code_ends_too() -> None:
    with worker("deaf") as process:
        process.send_signal(signal.SIGTERM)
        assert next(events(process)) == "draining"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE_S) == 143


def test_a_signal_disturbs_no_line_that_is_being_written() -> None:
    with worker("talkative") as process:
        assert next(events(process)) == "busy"
        process.send_signal(signal.SIGTERM)
        assert Counter(events(process))["draining"] == 1
        assert process.wait(timeout=PATIENCE_S) == 0


def test_a_drain_that_takes_too_long_is_given_up() -> None:
    with worker("stuck", drain_timeout_s=0.2) as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE_S) == 1


def test_a_thread_that_may_not_handle_signals_leaves_them_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    stop = threading.Event()
    thread = threading.Thread(target=stop_on_signals, args=[stop, 60, Health()])
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is before
    assert not stop.is_set()
