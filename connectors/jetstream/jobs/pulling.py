"""Asking a durable consumer for jobs.

Not nats-py's own ``fetch``: that takes a job with a header "Status" for the server's word. Here a
job is what comes with the server's address for its answer, and the server's word is what comes
without, to the address of this very request. A publisher can set neither.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from dataclasses import dataclass

import orjson
import structlog
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from connectors.jetstream.connection import Connection, LostError
from connectors.jetstream.headers import DESCRIPTION, STATUS, Headers
from connectors.jetstream.jobs.ack_token import read
from connectors.jetstream.jobs.came import Came
from dataflow.jobs.lane import Lane
from dataflow.settings import NatsSettings

log = structlog.get_logger()

POLL_S = 0.5
"""How long one request waits at the server, and so how long a drain waits for it."""

_LATE_S = 0.5
"""How much later than promised the server may end a request."""
_MOST_BYTES = 256 << 20
_HEARTBEAT = "100"
_NO_MORE = frozenset({"404", "408"})
_NOBODY = "503"
_PASSING = ("leadership change", "server shutdown")


@dataclass(frozen=True, slots=True)
class Pulled:
    """What one request brought, and why the server refused it, if it did."""

    jobs: list[Came]
    refusal: str | None = None


class Pull:
    """One source's requests and what comes of them. Lives on the connection's loop."""

    def __init__(
        self, connection: Connection, settings: NatsSettings, lane: Lane = Lane.LIVE
    ) -> None:
        self._connection = connection
        self._lane = lane
        durable = settings.durable_of(lane)
        self._consumer = f"{durable} on {settings.stream}"
        self._subject = f"{connection.api_prefix}.CONSUMER.MSG.NEXT.{settings.stream}.{durable}"
        self._inbox = connection.new_inbox()
        self._numbers = itertools.count()
        self._subscription: Subscription | None = None
        self._jobs: deque[Came] = deque()
        self._changed = asyncio.Event()
        self._request = ""  # where the server's word to the present one comes
        self._refusal: str | None = None

    async def subscribe(self) -> None:
        """Begin to listen, on an address of its own."""
        self._inbox = self._connection.new_inbox()
        self._subscription = await self._connection.subscribe(
            f"{self._inbox}.*", cb=self._hear, pending_bytes_limit=_MOST_BYTES
        )

    async def unsubscribe(self) -> None:
        """Listen no more.

        Raises:
            nats.errors.Error: the connection was closed.
        """
        if self._subscription:
            await self._subscription.unsubscribe()

    async def fetch(self, most: int) -> Pulled:
        """Ask once for up to ``most`` jobs.

        Returns when there is at least one and the server has no more, at the latest a little after
        `POLL_S` seconds. What comes later still is had by the next call.

        Raises:
            nats.errors.ConnectionClosedError: for good.
        """
        connection = self._connection
        deadline = asyncio.get_running_loop().time() + POLL_S + _LATE_S
        try:
            if not connection.is_closed:  # asked meanwhile, it would be asked often at the return
                async with asyncio.timeout(POLL_S):
                    await connection.there.wait()
            if (wanted := most - len(self._jobs)) > 0:
                await self._ask(wanted)
                async with connection.while_there(deadline):
                    while self._request and len(self._jobs) < most:
                        self._changed.clear()
                        await self._changed.wait()
        except (TimeoutError, LostError):
            pass
        jobs = [self._jobs.popleft() for _ in range(min(most, len(self._jobs)))]
        refusal, self._refusal = self._refusal, None
        return Pulled(jobs, refusal)

    async def _ask(self, wanted: int) -> None:
        self._request = f"{self._inbox}.{next(self._numbers)}"
        # So the server waits for the first job only, and says when it has no more.
        request = {"batch": wanted, "no_wait": True, "expires": int(POLL_S * 1e9)}
        await self._connection.publish(self._subject, orjson.dumps(request), self._request)

    async def _hear(self, message: Msg) -> None:
        if token := read(message.reply):
            self._jobs.append(Came(message, token, self._lane))
        elif message.subject == self._request and not message.reply:
            words = message.headers or {}
            if words.get(STATUS) == _HEARTBEAT:
                return
            self._request = ""
            self._refusal = self._refused(words)
        elif message.reply:
            log.warning("not_a_delivery", subject=message.subject)
        self._changed.set()

    def _refused(self, words: Headers) -> str | None:
        status, description = words.get(STATUS, ""), words.get(DESCRIPTION, "")
        if status in _NO_MORE or description.lower().startswith(_PASSING):
            return None
        if status == _NOBODY:
            return f"no server has the consumer {self._consumer}"
        return f"the consumer {self._consumer} gives no jobs: {description or status}"
