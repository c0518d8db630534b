"""The two lanes of one stream: jobs that somebody waits for, and jobs that can wait."""

from __future__ import annotations

import threading
from enum import StrEnum

_FORGOTTEN_AFTER = 32
"""Turns of the live lane that count at most: who had nothing to do has saved up little."""


class Lane(StrEnum):
    """Which of them a job came by."""

    LIVE = "live"
    BACKFILL = "backfill"


class Turns:
    """Whose turn it is where both lanes have something: the live lane's, but for a small share.

    ``share`` of the turns, in [0, 1), are the backfill's, so that it never starves. Safe to share
    between threads.
    """

    def __init__(self, share: float) -> None:
        self._per_live = share / (1 - share)
        self._most = max(2.0, _FORGOTTEN_AFTER * self._per_live) if share else 0.0
        self._owed = 0.0
        self._lock = threading.Lock()

    @property
    def owed(self) -> int:
        """How many turns the backfill is owed."""
        return int(self._owed + 1e-9)

    def took(self, lane: Lane, count: int = 1) -> None:
        """A lane took so many turns."""
        with self._lock:
            if lane is Lane.LIVE:
                self._owed = min(self._most, self._owed + count * self._per_live)
            else:
                self._owed = max(0.0, self._owed - count)
