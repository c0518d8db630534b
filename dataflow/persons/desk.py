"""Requests side by side, while the flow goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import partial

from dataflow.persons.reception import PersonResult
from dataflow.persons.request import PersonRequest
from dataflow.process.begun import Begun, carry, handed_back
from dataflow.process.crew import Crew

AT_A_TIME = 4
"""Requests in work at a time, per process: most of their time they wait for the store."""
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
        self._begun = Begun[PersonRequest, PersonResult](stop, handed_back)

    def begin(self, request: PersonRequest) -> Future[PersonResult]:
        """Have a request done by and by."""
        result = self._begun.add(request)
        self._crew.submit(partial(carry, result, self._do, request), lambda: None)
        return result

    def finish(self, results: Iterable[Future[PersonResult]]) -> list[PersonResult]:
        """Wait for all of them, though not for long where a stop was asked for.

        What is done nevertheless of one that is given up is noted: whoever has it next finds that.
        """
        return self._begun.finish(results)

    def _do(self, result: Future[PersonResult], request: PersonRequest) -> None:
        stopped = self._stop.is_set()
        result.set_result(
            handed_back(request) if stopped else self._settle(request, self._given_up)
        )

    def _given_up(self) -> bool:
        return self._begun.drain_left_s() == 0
