"""A job that may be what kills the process is tried alone, with no other job at stake.

When a process dies, the server counts one more delivery for every job that it held: for the one
image that killed it, and for all that only happened to be there. Without precaution they would be
given up together. So from its third delivery on a job is a suspect:

* it is handed over when everything else that this process held is settled, and nothing more is
  pulled before it is settled itself;
* of several suspects that come at once one is kept, and the others are handed back. That counts as
  a delivery too, so it is not done for ever;
* pulls begin small, and are small again once a suspect came: the next ones come one by one.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence

from dataflow.job import SUSPECT_FROM, Delivery

KEPT_FROM = SUSPECT_FROM + 2
"""The delivery from which on a suspect is not handed back any more."""


class Isolation:
    """The suspects of one process. Safe to share between threads.

    ``unsettled`` are the ack tokens of all jobs that the process holds; it changes meanwhile.
    """

    def __init__(self, unsettled: Collection[str], max_deliver: int) -> None:
        self._unsettled = unsettled
        self._suspects = range(min(SUSPECT_FROM, max_deliver), max_deliver + 1)
        self._kept = range(min(KEPT_FROM, max_deliver), max_deliver + 1)
        self._lock = threading.Lock()
        self._waiting: list[Delivery] = []
        self._on_trial = ""
        self._step = 1

    def most(self, room: int) -> int:
        """How many jobs may be pulled now, of those for whom there is room."""
        if self._waiting or self._on_trial in self._unsettled:
            return 0
        return min(self._step, room)

    def sort(self, came: Sequence[Delivery]) -> tuple[list[Delivery], list[Delivery]]:
        """Keep suspects back; returns those that are none, and those to be handed back."""
        suspects = sorted((d for d in came if d.attempt in self._suspects), key=_least_suspect)
        if not suspects:
            self._step = min(2 * self._step, 1024)
            return list(came), []
        with self._lock:
            self._step = 1
            alone = not self._waiting and self._on_trial not in self._unsettled
            kept = [
                suspect
                for index, suspect in enumerate(suspects)
                if suspect.attempt in self._kept or (alone and index == 0)
            ]
            self._waiting += kept
        others = [delivery for delivery in came if delivery.attempt not in self._suspects]
        return others, [suspect for suspect in suspects if suspect not in kept]

    def next(self) -> Delivery | None:
        """A suspect, if nothing but suspects is left to be settled."""
        with self._lock:
            if not self._waiting or len(self._unsettled) > len(self._waiting):
                return None
            suspect = min(self._waiting, key=_least_suspect)
            self._waiting.remove(suspect)
            self._on_trial = suspect.ack_token
            return suspect

    def clear(self) -> list[Delivery]:
        """Let go of those that wait."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
            return waiting


def _least_suspect(delivery: Delivery) -> tuple[int, int]:
    # Where several must wait together, the one that kills is not always before the same others.
    turn = 1 if delivery.attempt % 2 else -1
    return delivery.attempt, turn * delivery.stream_seq
