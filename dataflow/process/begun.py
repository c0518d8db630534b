"""Work that threads do while somebody waits for its results, in a drain not for long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

from dataflow.jobs.delivery import Delivery
from dataflow.jobs.errors import Stopped
from dataflow.jobs.outcome import Named, Retry, sent_back

DRAIN_S = 4.0
"""How long what was begun may take to an end after a stop was asked for."""


class Held(Protocol):
    """A job of any queue, in work."""

    @property
    def delivery(self) -> Delivery:
        """The message that brought it."""

    @property
    def job(self) -> Named | None:
        """What the message said."""


X = TypeVar("X", bound=Held)
Y = TypeVar("Y")


class Begun(Generic[X, Y]):
    """What was begun and has no result yet. ``handed_back`` is the result of what is given up."""

    def __init__(self, stop: threading.Event, handed_back: Callable[[X], Y]) -> None:
        self._stop = stop
        self._handed_back = handed_back
        self._items: dict[Future[Y], X] = {}
        self._drained_at: float | None = None

    def add(self, item: X) -> Future[Y]:
        """Returns where its result is to be put."""
        result: Future[Y] = Future()
        self._items[result] = item
        result.add_done_callback(lambda done: self._items.pop(done, None))
        return result

    def finish(self, results: Iterable[Future[Y]]) -> list[Y]:
        """Wait for all of them, though not for long where a stop was asked for.

        What takes longer, because the store says nothing for example, is given up and comes again.
        """
        return [self._finished(result) for result in results]

    def drain_left_s(self) -> float | None:
        """How much longer to wait for what was begun; for as long as it takes without a stop."""
        if not self._stop.is_set():
            return None
        self._drained_at = self._drained_at or time.monotonic() + DRAIN_S
        return max(0, self._drained_at - time.monotonic())

    def _finished(self, result: Future[Y]) -> Y:
        try:
            return result.result(self.drain_left_s())
        except TimeoutError:
            if item := self._items.get(result):
                with suppress(InvalidStateError):  # it has just been done
                    result.set_result(self._handed_back(item))
            return result.result()


def handed_back(item: Held) -> Retry:
    """To be somebody else's at once: only a stop stood in its way."""
    return sent_back(item.delivery, item.job, Stopped("stopped before it was done"), 0)


def carry(result: Future[Y], step: Callable[..., None], *given: Any) -> None:  # noqa: ANN401
    """Take a step that gives the result or hands on; what it raises is the result."""
    with suppress(InvalidStateError):  # it was too late, and has been answered
        try:
            step(result, *given)
        except InvalidStateError:
            raise
        except BaseException as error:  # noqa: BLE001 - raised again where the result is read
            result.set_exception(error)
