"""One error tree: every expected failure has one of three natures, and data errors a reason code.

* **data**: this job can never succeed; it is settled at once and explained.
* **transient**: the same call may succeed in a moment; it is tried again.
* **systemic**: the worker's surroundings are broken; nothing is settled until they work again.

Anything that is not a :class:`SolofaceError` is a programming error.
"""

from __future__ import annotations

from dataflow.jobs.reason import Reason


class SolofaceError(Exception):
    """Something soloface expects to go wrong went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__)


class DataError(SolofaceError):
    """This job can never succeed."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class TransientError(SolofaceError):
    """A dependency failed in a way that a later try may not."""


class SystemicError(SolofaceError):
    """A dependency cannot be used at all: unreachable, refusing us, or not set up."""


class UnprovenError(SystemicError):
    """A dependency refuses this job, and nothing shows yet whether it would take another."""


class ConfigurationError(SolofaceError):
    """The worker cannot start as it is configured."""


class Stopped(SolofaceError):
    """A stop was asked for while waiting."""


class UnwantedError(SolofaceError):
    """Nobody waits for this job any more: it has left the stream."""
