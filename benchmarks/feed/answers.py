"""A moderator whose answers change tags, and a platform that hears of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from uuid import UUID

from benchmarks.feed.listener import Listener
from soloface.client import Client

_PAUSE_S = 0.037
"""Between two answers: not in step with those who look every so often."""


def answered(
    url: str, listener: Listener, photos: Sequence[UUID]
) -> tuple[list[float], list[float]]:
    """Take the tag off each photo; returns how long the replies took, and how long the events.

    Both in seconds from the moment when it was asked for.
    """
    taken, told = [], []
    with Client(url) as client:
        for photo_id in photos:
            asked = time.perf_counter()
            client.decide(photo_id, "nobody")
            taken.append(time.perf_counter() - asked)
            told.append(listener.wait(photo_id, None) - asked)
            time.sleep(_PAUSE_S)
    return taken, told
