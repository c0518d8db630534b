"""Trying again: transient failures a few times, systemic ones until they are mended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog

from dataflow.errors import Stopped, SystemicError, TransientError

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


class _Outage:
    """One log line per interval while a dependency is unusable, and one when it is back."""

    def __init__(self, dependency: str, report_every_s: float) -> None:
        self._dependency = dependency
        self._every_s = report_every_s
        self._since = time.monotonic()
        self._next_report = self._since

    def report(self, error: SystemicError) -> None:
        now = time.monotonic()
        if now >= self._next_report:
            self._next_report = now + self._every_s
            log.warning(
                "dependency_unusable",
                dependency=self._dependency,
                error=str(error),
                for_s=round(now - self._since),
            )

    def over(self) -> None:
        after_s = round(time.monotonic() - self._since, 1)
        log.info("dependency_back", dependency=self._dependency, after_s=after_s)


@dataclass(frozen=True, slots=True)
class Persistence:
    """How stubbornly a dependency is asked, and what ends the asking.

    ``hold_s`` lies between two tries while the dependency is unusable; that is logged every
    ``report_every_s`` seconds.
    """

    backoff: LinearBackoff
    stop: threading.Event
    hold_s: float = 1.0
    report_every_s: float = 10.0

    def call(self, operation: Callable[[], T], dependency: str) -> T:
        """Run ``operation`` until it succeeds or fails for good.

        Raises:
            TransientError: the last of ``backoff.tries`` tries failed.
            Stopped: a stop was asked for while waiting.
        """
        tries = 0
        outage: _Outage | None = None
        while True:
            try:
                result = operation()
            except TransientError as error:
                tries += 1
                wait_s = self.backoff.wait_s(tries)
                if wait_s is None:
                    raise
                log.debug("trying_again", dependency=dependency, error=str(error), wait_s=wait_s)
            except SystemicError as error:
                outage = outage or _Outage(dependency, self.report_every_s)
                outage.report(error)
                wait_s = self.hold_s
            else:
                if outage:
                    outage.over()
                return result
            if self.stop.wait(wait_s):
                raise Stopped(f"stopped while waiting for {dependency}")
