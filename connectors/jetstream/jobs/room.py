"""How much of the second lane one process takes on: what the live lane leaves, and a small share.

What is held cannot be overtaken everywhere, so little of it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from connectors.jetstream.jobs.heartbeat import InFlight
from dataflow.jobs.lane import Lane, Turns


class Room:
    """The room for jobs that can wait, in one process. Lives on the connection's loop.

    ``durable`` delivers them; ``share`` of all jobs they are even where there is no room.
    """

    def __init__(self, in_flight: InFlight, durable: str, share: float) -> None:
        self._in_flight = in_flight
        self._durable = durable
        self._turns = Turns(share)
        self._asked = 0

    def left(self, most: int) -> int:
        """How many may be asked for, where ``most`` jobs keep the process busy."""
        held = self._in_flight.by(self._durable) + self._asked
        free = most - len(self._in_flight) - self._asked
        # Many small batches would keep live jobs waiting at each step.
        room = free if free >= most / 2 else self._turns.owed
        return max(0, min(most - held, room))

    @contextmanager
    def asking(self, lane: Lane, count: int) -> Iterator[None]:
        """Ask for so many meanwhile; several workers of a process may."""
        asked = count if lane is Lane.BACKFILL else 0
        self._asked += asked
        try:
            yield
        finally:
            self._asked -= asked

    def came(self, lane: Lane, count: int) -> None:
        """So many jobs of a lane were pulled."""
        self._turns.took(lane, count)
