"""The thread of a worker that matches recorded faces again while jobs go on."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from connectors.postgres.tags.rematching import Piece, Rematching
from dataflow.jobs.errors import SolofaceError, Stopped
from dataflow.process.metrics import (
    REMATCH_AGE,
    REMATCH_SHARE,
    REMATCH_WAITING,
    REMATCHED_PHOTOS,
)

LOOK_S = 0.25
"""How long after a change, at most, it is noticed."""

AWAY_S = 5
"""How long to leave a database alone that did not answer."""

REST = 16
"""How many times as long as it has worked it rests while jobs are under way."""

log = structlog.get_logger()


def keep_matching(
    rematching: Rematching, stop: threading.Event, busy: Callable[[], bool]
) -> threading.Thread:
    """Match again whatever waits, until the stop; ``busy`` says whether jobs need the CPU."""
    thread = threading.Thread(
        target=_keep_matching, args=(rematching, stop, busy), name="rematch", daemon=True
    )
    thread.start()
    return thread


def _keep_matching(rematching: Rematching, stop: threading.Event, busy: Callable[[], bool]) -> None:
    def rest(worked_s: float) -> None:
        if stop.wait(REST * worked_s if busy() else 0):
            raise Stopped("a stop was asked for")

    pause_s: float = 0
    while not stop.wait(pause_s):
        try:
            piece = rematching.step(rest)
        except Stopped:
            break
        except SolofaceError as error:
            log.warning("rematch_waits", error=str(error))
            rematching.close()
            pause_s = AWAY_S
            continue
        _tell(piece or Piece())
        pause_s = 0 if piece else LOOK_S
    _tell(Piece())
    rematching.close()


def _tell(piece: Piece) -> None:
    REMATCHED_PHOTOS.inc(piece.photos)
    REMATCH_WAITING.set(piece.waiting)
    REMATCH_AGE.set(piece.oldest_s)
    REMATCH_SHARE.set(piece.done / piece.total if piece.total else 0)
    if piece.changes:
        log.info("tags_changed", photos=piece.photos, **piece.changes)
