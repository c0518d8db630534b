"""A value that is made when first needed, once per process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Lazy(Generic[T]):
    """Call it to get the value; threads that call at once share one making.

    A failed making is not remembered: the next call tries again.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: list[T] = []

    def __call__(self) -> T:
        """Return the value, making it first if need be."""
        with self._lock:
            if not self._made:
                self._made.append(self._make())
            return self._made[0]
