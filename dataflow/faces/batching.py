"""Running together what many threads ask for at the same time."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from typing import Generic, TypeVar

X = TypeVar("X")
Y = TypeVar("Y")


class Batched(Generic[X, Y]):
    """Makes one call for many: what comes while a call runs is put into the next.

    Nobody waits for a batch to fill. So a lone caller is served at once, and the batches are as
    large as the traffic makes them; a GPU takes about as long for sixteen faces as for one.

    Args:
        run: gives as many answers as it gets items, which are alike.
        most: how many it may get.
        kind: items of one kind are alike; by default all are.
    """

    def __init__(
        self,
        run: Callable[[Sequence[X]], Sequence[Y]],
        most: int,
        kind: Callable[[X], Hashable] = lambda _: None,
    ) -> None:
        self._run = run
        self._most = most
        self._kind = kind
        self._waiting: deque[tuple[X, Future[Y]]] = deque()
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    def __call__(self, item: X) -> Y:
        """The answer for one item; what the run raises, all its callers get."""
        mine: Future[Y] = Future()
        with self._lock:
            self._waiting.append((item, mine))
        with self._turn:
            while not mine.done():
                self._run_next()
        return mine.result()

    def _run_next(self) -> None:
        batch = self._take()
        try:
            answers = self._run([item for item, _ in batch])
            for (_, future), answer in zip(batch, answers, strict=True):
                future.set_result(answer)
        except Exception as error:  # noqa: BLE001 - raised again in each caller
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)

    def _take(self) -> list[tuple[X, Future[Y]]]:
        """Those like the one that has waited longest."""
        with self._lock:
            kind = self._kind(self._waiting[0][0])
            alike = [call for call in self._waiting if self._kind(call[0]) == kind][: self._most]
            taken = {id(future) for _, future in alike}
            self._waiting = deque(c for c in self._waiting if id(c[1]) not in taken)
        return alike
