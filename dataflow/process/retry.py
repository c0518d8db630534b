"""Trying again: transient failures a few times, systemic ones until they are gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import structlog

from dataflow.jobs.errors import Stopped, SystemicError, TransientError, UnwantedError
from dataflow.process.health import Health

T = TypeVar("T")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LinearBackoff:
    """Wait ``step_s`` after the first try, twice that after the second, and so on."""

    tries: int
    step_s: float

    def wait_s(self, tries_made: int) -> float | None:
        """Seconds before the next try, or ``None`` when there is none."""
        return self.step_s * tries_made if tries_made < self.tries else None

    def call(self, operation: Callable[[], T]) -> T:
        """Run ``operation`` again as long as a later try may succeed: for commands, not the worker.

        Raises:
            TransientError: the last of ``tries`` tries failed.
        """
        tries = 0
        while True:
            try:
                return operation()
            except TransientError:
                tries += 1
                wait_s = self.wait_s(tries)
                if wait_s is None:
                    raise
                time.sleep(wait_s)


@dataclass(frozen=True, slots=True)
class Persistence:
    """How stubbornly a dependency is asked, and what ends the asking.

    ``hold_s`` lies between two tries while the dependency is unusable, which ``health`` is told.
    """

    backoff: LinearBackoff
    stop: threading.Event
    hold_s: float = 1.0
    health: Health = field(default_factory=Health)

    def call(
        self,
        operation: Callable[[], T],
        dependency: str,
        job: Mapping[str, object] | None = None,
        wanted: Callable[[], bool] = lambda: True,
    ) -> T:
        """Run ``operation`` until it succeeds or fails for good.

        ``job`` names what waits meanwhile, for the log. ``wanted`` says whether anybody still waits
        for it, and is asked once per report interval while the dependency is unusable.

        Raises:
            TransientError: the last of ``backoff.tries`` tries failed.
            Stopped: a stop was asked for while waiting.
            UnwantedError: nobody waits for it any more.
        """
        tries = 0
        watch = self.health.watch(dependency, job)
        ask_at = self.health.now() + self.health.report_every_s
        while True:
            try:
                with watch:
                    return operation()
            except TransientError as error:
                tries += 1
                wait_s = self.backoff.wait_s(tries)
                if wait_s is None:
                    raise
                log.debug("trying_again", dependency=dependency, error=str(error), wait_s=wait_s)
            except SystemicError:
                wait_s = self.hold_s
                if self.health.now() >= ask_at:
                    ask_at = self.health.now() + self.health.report_every_s
                    if not wanted():
                        watch.ended()
                        raise UnwantedError from None
            if self.stop.wait(wait_s):
                raise Stopped(f"stopped while waiting for {dependency}")
