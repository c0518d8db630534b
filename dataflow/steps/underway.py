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
from dataflow.jobs.lane import Lane
from dataflow.jobs.outcome import Gone, Retry, Settled, sent_back
from dataflow.jobs.reason import Reason
from dataflow.process.begun import Begun, carry, handed_back
from dataflow.process.crew import Crew
from dataflow.process.sharing import SharedCores
from dataflow.steps.request import Fetched, Recognised, Request

log = structlog.get_logger()

Result: TypeAlias = Recognised | Settled | Retry | Gone

LOOK_UP_S = 0.1
"""How soon somebody who waits for room hears of a stop."""
FETCHING_HAS_ITS_OWN_TIMEOUTS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one process takes on at a time.

    ``photos`` of the live lane are under way from the start of their fetching to the end of their
    embedding. Each lane has ``fetchers`` and ``cores`` threads, and begins no fetch while
    ``image_bytes`` of its fetched images wait for a core. Nobody waits for an image for longer than
    ``deadline_s`` seconds of computing. ``backfill_cores`` and ``backfill_share`` are what jobs
    that can wait have while live ones come: see :class:`SharedCores`.
    """

    photos: int
    image_bytes: int
    fetchers: int
    cores: int
    deadline_s: float
    backfill_cores: int | None = None
    backfill_share: float = 0


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
        self._fetchers = {
            lane: Crew(bounds.fetchers, FETCHING_HAS_ITS_OWN_TIMEOUTS, name="fetch")
            for lane in Lane
        }
        self._cores = SharedCores(
            bounds.cores,
            bounds.deadline_s,
            most=bounds.backfill_cores,
            share=bounds.backfill_share,
        )
        self._room = threading.Condition()
        self._live = 0
        self._bytes = dict.fromkeys(Lane, 0)
        self._begun = Begun[Request, Result](stop, handed_back)

    def begin(self, request: Request) -> Future[Result]:
        """Fetch and embed a photo; waits for room first.

        Where a drain ends before there is room, the photo goes back, to be somebody else's. One
        that can wait does not, as live ones would stand behind it: few of them are pulled.
        """
        lane = request.delivery.lane
        with self._room:
            while lane is Lane.LIVE and not self._room.wait_for(
                lambda: self._live < self._bounds.photos, LOOK_UP_S
            ):
                if self._begun.drain_left_s() == 0:
                    returned: Future[Result] = Future()
                    returned.set_result(handed_back(request))
                    return returned
            self._live += lane is Lane.LIVE
        result = self._begun.add(request)
        result.add_done_callback(lambda _: self._leave(lane))
        step = partial(carry, result, self._fetch_next, request)
        self._fetchers[lane].submit(step, _nothing)
        return result

    def finish(self, results: Iterable[Future[Result]]) -> list[Result]:
        """Wait for all of them, though not for long where a stop was asked for."""
        return self._begun.finish(results)

    def _fetch_next(self, result: Future[Result], request: Request) -> None:
        lane = request.delivery.lane
        with self._room:
            self._room.wait_for(lambda: self._bytes[lane] < self._bounds.image_bytes)
        if result.done():
            return  # a drain was over before its turn came
        fetched = self._fetch(request)
        if not isinstance(fetched, Fetched):
            result.set_result(fetched)
            return
        self._hold(fetched, 1)
        self._cores.submit(
            partial(carry, result, self._embed_next, fetched),
            partial(carry, result, self._too_late, fetched),
            lane,
        )

    def _embed_next(self, result: Future[Result], fetched: Fetched) -> None:
        try:
            if not result.done():
                result.set_result(self._embed(fetched))
        finally:
            self._hold(fetched, -1)

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

    def _hold(self, fetched: Fetched, times: int) -> None:
        with self._room:
            self._bytes[fetched.delivery.lane] += times * len(fetched.image)
            self._room.notify_all()

    def _leave(self, lane: Lane) -> None:
        with self._room:
            self._live -= lane is Lane.LIVE
            self._room.notify_all()


def _nothing() -> None:
    """There is nobody to tell."""
