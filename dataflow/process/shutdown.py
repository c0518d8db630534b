"""The first SIGTERM or SIGINT drains, the second ends the process at once.

Exit codes: 0 after a drain, 1 when the worker cannot start, failed, or did not drain in time, and
128 plus the signal's number after a second one. Whatever was not answered comes again.
"""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType

import structlog

from dataflow.process.health import DRAINING, Health

log = structlog.get_logger()

SIGNALS = (signal.SIGTERM, signal.SIGINT)
SIGNALLED = 128  # a shell's exit code for "ended by signal n" is this plus n


def stop_on_signals(stop: threading.Event, drain_timeout_s: float, health: Health) -> None:
    """Heed signals from now on; a no-op outside the main thread, where Python forbids that.

    A drain that takes longer than ``drain_timeout_s`` seconds is given up.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    # A handler would run in the middle of whatever the main thread does, and may take no lock and
    # write no line that it is about to; in native code it would not run at all. A thread does.
    received, noted = os.pipe()
    os.set_blocking(noted, False)
    signal.set_wakeup_fd(noted, warn_on_full_buffer=False)
    for number in SIGNALS:
        signal.signal(number, _leave_to_the_thread)
    threading.Thread(
        target=_obey, args=(received, stop, drain_timeout_s, health), name="signals", daemon=True
    ).start()


def _leave_to_the_thread(_number: int, _frame: FrameType | None) -> None:
    pass


def _obey(received: int, stop: threading.Event, drain_timeout_s: float, health: Health) -> None:
    while True:
        (number,) = os.read(received, 1)
        if number not in SIGNALS:
            continue  # it has a handler of somebody else's
        if stop.is_set():
            os._exit(SIGNALLED + number)
        watchdog = threading.Timer(drain_timeout_s, _give_up)
        watchdog.daemon = True
        watchdog.start()
        name = signal.Signals(number).name
        health.suffer(DRAINING, f"{name} came")
        log.info("draining", signal=name)  # before the process may end
        stop.set()


def _give_up() -> None:
    log.critical("drain_overdue")
    os._exit(1)
