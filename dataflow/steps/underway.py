"""Steps 3 and 4 side by side: images are fetched while others are computed, within bounds."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import structlog

from dataflow.jobs.delivery import SUSPECT_FROM
from dataflow.jobs.errors import DataError
from dataflow.jobs.outcome import Gone, Retry, Settled, sent_back
from dataflow.jobs.reason import Reason
from dataflow.process.begun import Begun, carry, handed_back
from dataflow.process.crew import ALONE, Crew, Sharing
from dataflow.steps.request import Fetched, Recognised, Request

log = structlog.get_logger()

Result: TypeAlias = Recognised | Settled | Retry | Gone

LOOK_UP_S = 0.1
"""How soon somebody who waits for room hears of a stop."""
FETCHING_HAS_ITS_OWN_TIMEOUTS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one process takes on at a time.

    ``photos`` are under way from the start of their fetching to the end of their embedding, by
    ``fetchers`` and ``cores`` threads. No fetch begins while ``image_bytes`` of fetched images wait
    for a core. Nobody waits for an image for longer than ``deadline_s`` seconds of computing.
    ``sharing`` is what jobs that can wait have of the cores.
    """

    photos: int
    image_bytes: int
    fetchers: int
    cores: int
    deadline_s: float
    sharing: Sharing = ALONE


class UnderWay:
    """The photos that a process has begun. Safe to share between threads.

    The cores must never wait for the store or for the database, so more photos are fetched than
    computed, and both go on while the flow's own thread is elsewhere.
    """

    def __init__(
        self,
        fetch: Callable[[Request], Fetched | Settled | Retry | Gone],
        embed: Callable[[Fetched], Result],
        bounds: Bounds,
        stop: threading.Event,
        retry_delay_s: float,
    ) -> None:
        self._fetch = fetch
        self._embed = embed
        self._bounds = bounds
        self._retry_delay_s = retry_delay_s
        # Not an executor of Python's: at the end of the process that waits for all its threads.
        share = Sharing(share=bounds.sharing.share)
        self._fetchers = Crew(
            bounds.fetchers, FETCHING_HAS_ITS_OWN_TIMEOUTS, name="fetch", sharing=share
        )
        self._cores = Crew(
            bounds.cores, bounds.deadline_s, name="embed", sharing=bounds.sharing
        ).resting_at_exit()
        self._room = threading.Condition()
        self._photos = 0
        self._bytes = 0
        self._begun = Begun[Request, Result](stop, handed_back)

    def begin(self, request: Request) -> Future[Result]:
        """Fetch and embed a photo; waits for room first.

        Where a drain ends before there is room, the photo goes back, to be somebody else's.
        """
        with self._room:
            while not self._room.wait_for(lambda: self._photos < self._bounds.photos, LOOK_UP_S):
                if self._begun.drain_left_s() == 0:
                    returned: Future[Result] = Future()
                    returned.set_result(handed_back(request))
                    return returned
            self._photos += 1
        result = self._begun.add(request)
        result.add_done_callback(self._leave)
        step = partial(carry, result, self._fetch_next, request)
        self._fetchers.submit(step, _nothing, request.delivery.lane)
        return result

    def finish(self, results: Iterable[Future[Result]]) -> list[Result]:
        """Wait for all of them, though not for long where a stop was asked for."""
        return self._begun.finish(results)

    def _fetch_next(self, result: Future[Result], request: Request) -> None:
        with self._room:
            self._room.wait_for(lambda: self._bytes < self._bounds.image_bytes)
        if result.done():
            return  # a drain was over before its turn came
        fetched = self._fetch(request)
        if not isinstance(fetched, Fetched):
            result.set_result(fetched)
            return
        self._hold(len(fetched.image))
        self._cores.submit(
            partial(carry, result, self._embed_next, fetched),
            partial(carry, result, self._too_late, fetched),
            fetched.delivery.lane,
        )

    def _embed_next(self, result: Future[Result], fetched: Fetched) -> None:
        try:
            if not result.done():
                result.set_result(self._embed(fetched))
        finally:
            self._hold(-len(fetched.image))

    def _too_late(self, result: Future[Result], fetched: Fetched) -> None:
        delivery, job = fetched.delivery, fetched.job
        error = DataError(
            Reason.IMAGE_UNDECODABLE, f"not recognised within {self._bounds.deadline_s:g} s"
        )
        log.warning("image_late", photo_id=str(job.photo_id), deliveries=delivery.attempt)
        # At first it may have been the machine; a photo that is late alone is to blame itself.
        if delivery.attempt < SUSPECT_FROM:
            result.set_result(sent_back(delivery, job, error, self._retry_delay_s))
        else:
            result.set_result(Settled(delivery, job, error.reason, str(error)))

    def _hold(self, image_bytes: int) -> None:
        with self._room:
            self._bytes += image_bytes
            self._room.notify_all()

    def _leave(self, _result: Future[Result]) -> None:
        with self._room:
            self._photos -= 1
            self._room.notify_all()


def _nothing() -> None:
    """There is nobody to tell."""
