"""Signs of life for what is being worked on, so that the server does not redeliver it."""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import Iterable, Iterator

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from prometheus_client import Gauge

from dataflow.jobs.custody import UNCLAIMED
from dataflow.process.metrics import IN_FLIGHT

IN_PROGRESS = b"+WPI"
MAX_AGE_S = 3600
"""After this long a delivery is taken for forgotten and left to come again."""


class InFlight:
    """The unsettled deliveries of this process. Lives on the connection's event loop.

    For what travels to another process both vouch until the receipt comes: the server's own answer
    to a sign of life from there, which is sent with our address to answer to. So it needs no more
    rights than any sign of life.
    """

    def __init__(
        self, connection: Client, ack_wait_s: float, stream: str = "", count: Gauge = IN_FLIGHT
    ) -> None:
        """``stream`` is whose deliveries they are; none: any stream's."""
        self._connection = connection
        self._stream = stream
        self._count = count
        self._loop = asyncio.get_running_loop()
        self.pace(ack_wait_s)
        self._since: dict[str, float] = {}
        self._receipts: dict[str, str] = {}  # that others want, by token
        self._on_the_way: dict[str, tuple[str, float]] = {}  # token and since when, by receipt
        self._address = connection.new_inbox()
        self._departures = itertools.count()

    def pace(self, ack_wait_s: float) -> None:
        """Vouch often enough for a consumer that waits so many seconds."""
        self._interval_s = ack_wait_s / 4

    async def listen(self) -> None:
        """Hear of what has arrived elsewhere."""

        async def receive(message: Msg) -> None:
            self._on_the_way.pop(message.subject, None)

        await self._connection.subscribe(f"{self._address}.*", cb=receive)

    def add(self, ack_tokens: Iterable[str]) -> None:
        """Begin to vouch for these deliveries."""
        now = time.monotonic()
        self._since.update(dict.fromkeys(ack_tokens, now))
        self._count.set(len(self._since))

    def remove(self, ack_token: str) -> None:
        """Stop vouching: it is settled, or somebody else's."""
        self._since.pop(ack_token, None)
        self._receipts.pop(ack_token, None)
        self._count.set(len(self._since))

    def takes(self, ack_token: str) -> bool:
        """Whether it is a delivery of this stream."""
        return f".{self._stream}." in ack_token or not self._stream

    def left(self, ack_token: str) -> str:
        """It is on its way to another process; returns the receipt that is wanted from there."""
        since = self._since.get(ack_token)
        if since is None:
            return UNCLAIMED
        receipt = f"{self._address}.{next(self._departures)}"
        self._on_the_way[receipt] = ack_token, since
        self.remove(ack_token)
        return receipt

    def arrived(self, ack_token: str, receipt: str) -> None:
        """It came from another process, which wants this receipt."""
        self._receipts[ack_token] = receipt
        self.add([ack_token])
        asyncio.run_coroutine_threadsafe(self._vouch([ack_token]), self._loop)

    def since(self, ack_token: str) -> float:
        """When we began to vouch for it, by the monotonic clock; endless if we do not."""
        return self._since.get(ack_token, math.inf)

    def by(self, consumer: str) -> int:
        """How many of them this consumer has delivered. Asked too often to read each token."""
        whose = f"{self._stream}.{consumer}."
        return sum(whose in token for token in self._since)

    @property
    def on_the_way(self) -> int:
        """How many have left for another process, and have not arrived as far as we know."""
        return len(self._on_the_way)

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
            self._forget(time.monotonic() - MAX_AGE_S)
            on_the_way = list(self._on_the_way.values())
            await self._vouch([*self._since, *(token for token, _ in on_the_way)])

    def _forget(self, oldest: float) -> None:
        for token, since in list(self._since.items()):
            if since < oldest:
                self.remove(token)
        for receipt, (_, since) in list(self._on_the_way.items()):
            if since < oldest:
                self._on_the_way.pop(receipt, None)

    async def _vouch(self, ack_tokens: Iterable[str]) -> None:
        for token in ack_tokens:
            try:
                # Again each time: the first receipt may have been lost with a connection.
                await self._connection.publish(token, IN_PROGRESS, self._receipts.get(token, ""))
            except NatsError:
                return  # disconnected: the next beat tries again
