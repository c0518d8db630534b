"""Asking a dependency now and then whether it still answers, while no job asks it anything.

Otherwise an orchestrator and the metrics would call an idle worker ready long after a dependency
went away.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeAlias

from dataflow.jobs.errors import DataError, SolofaceError, TransientError
from dataflow.process.health import Health

EVERY_S = 5.0
WHILE_AWAY_S = 1.0
WITHIN_S = 3.0
"""An answer must come within so many seconds; one that does not is asked for once again.

All together it is known after 15 seconds at most that a dependency went away.
"""

Ask: TypeAlias = Callable[[], None]
"""Raises a TransientError or a SystemicError where no answer comes."""


def keep_asking(dependency: str, ask: Ask, health: Health, stop: threading.Event) -> None:
    """Ask until the stop, but not while jobs tell as much.

    A dependency that jobs suffer from is left to them: they say better what is wrong, and when it
    is over.
    """
    watch = health.watch(dependency)
    pause_s = EVERY_S
    while not stop.wait(pause_s):
        pause_s = EVERY_S
        if health.others_suffer(dependency, watch) or health.answered_within(EVERY_S, dependency):
            watch.succeeded()
            continue
        try:
            _ask_twice(ask, stop)
        except DataError:
            watch.succeeded()  # a refusal is an answer
        except SolofaceError as error:
            if not stop.is_set():
                watch.failed(str(error))
                pause_s = WHILE_AWAY_S
        else:
            watch.succeeded()


def _ask_twice(ask: Ask, stop: threading.Event) -> None:
    try:
        ask()
    except TransientError:
        if not stop.wait(WHILE_AWAY_S):
            ask()
