"""Requests side by side, while the flow goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from functools import partial

from dataflow.jobs.errors import Stopped
from dataflow.jobs.outcome import Retry, sent_back
from dataflow.persons.reception import PersonResult
from dataflow.persons.request import PersonRequest
from dataflow.process.crew import Crew

AT_A_TIME = 4
"""Requests in work at a time, per process: most of their time they wait for the store."""
DRAIN_S = 4.0
"""How long requests that were begun may take to an end after a stop was asked for."""
_AS_LONG_AS_IT_TAKES = 24 * 3600.0

SHARDS = 64
"""Keys of the flow: enough to spread over workers, few enough to remember."""

Settle = Callable[[PersonRequest, Callable[[], bool]], PersonResult]


def by_user(request: PersonRequest) -> str:
    """What a worker does in the order in which it came: all about a user, and of others like it."""
    return f"{request.job.user_id.int % SHARDS:x}"


class Desk:
    """Begins requests, and hands over what came of them."""

    def __init__(self, settle: Settle, stop: threading.Event, at_a_time: int = AT_A_TIME) -> None:
        self._settle = settle
        self._stop = stop
        self._crew = Crew(at_a_time, _AS_LONG_AS_IT_TAKES, name="people")
        self._begun: dict[Future[PersonResult], PersonRequest] = {}
        self._drained_at: float | None = None

    def begin(self, request: PersonRequest) -> Future[PersonResult]:
        """Have a request done by and by."""
        result: Future[PersonResult] = Future()
        self._begun[result] = request
        result.add_done_callback(lambda done: self._begun.pop(done, None))
        self._crew.submit(partial(self._do, result, request), lambda: None)
        return result

    def finish(self, results: Iterable[Future[PersonResult]]) -> list[PersonResult]:
        """Wait for all of them, though not for long where a stop was asked for."""
        return [self._finished(result) for result in results]

    def _finished(self, result: Future[PersonResult]) -> PersonResult:
        try:
            return result.result(self._drain_left_s())
        except TimeoutError:
            # What is done of it nevertheless is noted: whoever has it next finds that.
            if request := self._begun.get(result):
                with suppress(InvalidStateError):  # it has just been done
                    result.set_result(_returned(request))
            return result.result()

    def _drain_left_s(self) -> float | None:
        if not self._stop.is_set():
            return None
        self._drained_at = self._drained_at or time.monotonic() + DRAIN_S
        return max(0, self._drained_at - time.monotonic())

    def _do(self, result: Future[PersonResult], request: PersonRequest) -> None:
        with suppress(InvalidStateError):  # it was too late, and has been answered
            if self._stop.is_set():
                result.set_result(_returned(request))
                return
            try:
                result.set_result(self._settle(request, self._given_up))
            except InvalidStateError:
                raise
            except BaseException as error:  # noqa: BLE001 - raised again where the result is read
                result.set_exception(error)

    def _given_up(self) -> bool:
        return self._stop.is_set() and self._drain_left_s() == 0


def _returned(request: PersonRequest) -> Retry:
    return sent_back(request.delivery, request.job, Stopped("stopped before it was done"), 0)
