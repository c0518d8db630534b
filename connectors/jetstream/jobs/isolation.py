"""A job that may be what kills the process is tried alone, with no other job at stake.

When a process dies, the server counts one more delivery for every job that it held: for the one
image that killed it, and for all that only happened to be there. Without precaution they would be
given up together. So from its third delivery on a job is a suspect:

* it is handed over when everything else that this process held is settled, and nothing more is
  pulled before it is settled itself;
* of several suspects that come at once one is kept, and the others are handed back. That counts as
  a delivery too, so it is not done for ever;
* what came back without its image having been touched, because the store was busy for example, is
  no suspect for that;
* pulls begin small, and are small again once a suspect came: the next ones come one by one.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Collection, Sequence

from dataflow.jobs.delivery import SUSPECT_FROM, Delivery

KEPT_FROM = SUSPECT_FROM + 2
"""The delivery from which on a suspect is not handed back any more."""

REMEMBERED = 10_000
"""How many jobs are known to have come back harmlessly."""


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
        self._absolved: OrderedDict[int, int] = OrderedDict()
        self._on_trial = ""
        self._step = 1

    def most(self, room: int) -> int:
        """How many jobs may be pulled now, of those for whom there is room."""
        if self._waiting or self._on_trial in self._unsettled:
            return 0
        return min(self._step, room)

    def absolve(self, delivery: Delivery) -> None:
        """This delivery of the job is no reason to suspect it."""
        with self._lock:
            count = self._absolved.pop(delivery.stream_seq, 0)
            self._absolved[delivery.stream_seq] = count + 1
            if len(self._absolved) > REMEMBERED:
                self._absolved.popitem(last=False)

    def _suspicious(self, delivery: Delivery) -> bool:
        return delivery.attempt - self._absolved.get(delivery.stream_seq, 0) in self._suspects

    def sort(self, came: Sequence[Delivery]) -> tuple[list[Delivery], list[Delivery]]:
        """Keep suspects back; returns those that are none, and those to be handed back."""
        suspects = [delivery for delivery in came if self._suspicious(delivery)]
        if not suspects:
            self._step = min(2 * self._step, 1024)
            return list(came), []
        with self._lock:
            self._step = 1
            kept = [suspect for suspect in suspects if suspect.attempt in self._kept]
            if not kept and not self._waiting and self._on_trial not in self._unsettled:
                kept = [_whose_turn(suspects)]
            self._waiting += kept
        others = [delivery for delivery in came if delivery not in suspects]
        return others, [suspect for suspect in suspects if suspect not in kept]

    def next(self) -> Delivery | None:
        """A suspect, if nothing but suspects is left to be settled."""
        with self._lock:
            if not self._waiting or len(self._unsettled) > len(self._waiting):
                return None
            suspect = _whose_turn(self._waiting)
            self._waiting.remove(suspect)
            self._on_trial = suspect.ack_token
            return suspect

    def clear(self) -> list[Delivery]:
        """Let go of those that wait."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
            return waiting


def _whose_turn(suspects: Sequence[Delivery]) -> Delivery:
    """Of those with the fewest deliveries left one, and another one at their next delivery.

    They have the most to lose by the death of another. If it is one of them that kills, it is the
    first to be given up; and as they take turns, the harmless are tried before that.
    """
    attempt = max(suspect.attempt for suspect in suspects)
    last = [suspect for suspect in suspects if suspect.attempt == attempt]
    return sorted(last, key=lambda suspect: suspect.stream_seq)[attempt % len(last)]
