"""Threads for what takes time, and a bound for what may wait for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from soloface.web.gate.problems import Code, ProblemError

P = ParamSpec("P")
T = TypeVar("T")


class Pool:
    """Some threads; used from one event loop.

    ``waiting`` is how much may wait while all threads are busy. More is refused at once.
    """

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._most = threads + waiting
        self._busy = 0

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do it on a thread.

        Raises:
            ProblemError: ``busy``, with 429: too much waits already.
            Exception: what ``work`` raises.
        """
        if self._busy >= self._most:
            raise ProblemError(Code.BUSY, "too much waits already; try again", retry_after_s=1)
        self._busy += 1
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._executor, partial(work, *args, **kwargs))
        # Not when the caller gives up: the thread is busy until it is done.
        future.add_done_callback(self._done)
        return await asyncio.shield(future)

    def _done(self, future: asyncio.Future[T]) -> None:
        self._busy -= 1
        if not future.cancelled():
            future.exception()  # nobody may wait for it any more

    def close(self) -> None:
        """Wait until all is done."""
        self._executor.shutdown()
