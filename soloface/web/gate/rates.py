"""How many requests somebody may make: a bucket that fills again as time passes."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

REMEMBERED = 10_000
"""Those who asked last. Whoever is forgotten has a full bucket, and had one nearly."""


class Rates:
    """Of one process; used on its event loop alone."""

    def __init__(self, per_minute: int, now: Callable[[], float] = time.monotonic) -> None:
        self._most = float(per_minute)
        self._per_s = per_minute / 60
        self._now = now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, who: str) -> float:
        """Count a request; returns 0, or for how many seconds it comes too early."""
        now = self._now()
        left, last = self._buckets.pop(who, (self._most, now))
        left = min(self._most, left + (now - last) * self._per_s)
        waits = max(0.0, (1 - left) / self._per_s)
        self._buckets[who] = (left if waits else left - 1, now)
        if len(self._buckets) > REMEMBERED:
            self._buckets.popitem(last=False)
        return waits
