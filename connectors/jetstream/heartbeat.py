"""Signs of life for what is being worked on, so that the server does not redeliver it."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterable, Iterator

from nats.aio.client import Client
from nats.errors import Error as NatsError

from dataflow.metrics import IN_FLIGHT

IN_PROGRESS = b"+WPI"
MAX_AGE_S = 3600
"""After this long a delivery is taken for forgotten and left to come again."""


class InFlight:
    """The unsettled deliveries of this process. Lives on the connection's event loop."""

    def __init__(self, connection: Client, ack_wait_s: float) -> None:
        self._connection = connection
        self._interval_s = ack_wait_s / 4
        self._since: dict[str, float] = {}

    def add(self, ack_tokens: Iterable[str]) -> None:
        """Begin to vouch for these deliveries."""
        now = time.monotonic()
        self._since.update(dict.fromkeys(ack_tokens, now))
        IN_FLIGHT.set(len(self._since))

    def remove(self, ack_token: str) -> None:
        """Stop vouching: it is settled, or somebody else's."""
        self._since.pop(ack_token, None)
        IN_FLIGHT.set(len(self._since))

    def since(self, ack_token: str) -> float:
        """When we began to vouch for it, by the monotonic clock; endless if we do not."""
        return self._since.get(ack_token, math.inf)

    def __len__(self) -> int:
        return len(self._since)

    def __contains__(self, ack_token: object) -> bool:
        return ack_token in self._since

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._since))

    async def beat(self) -> None:
        """Vouch for everything, every quarter of the ack wait, for ever."""
        while True:
            await asyncio.sleep(self._interval_s)
            oldest = time.monotonic() - MAX_AGE_S
            for token, since in list(self._since.items()):
                if since < oldest:
                    self.remove(token)
                    continue
                try:
                    await self._connection.publish(token, IN_PROGRESS)
                except NatsError:
                    break  # disconnected: the next beat tries again
