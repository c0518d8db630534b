"""A pull subscription that went quiet: jobs wait at the server and none comes to us.

It happens to every client of NATS now and then, mostly after a reconnect, and ends only with a new
subscription.
"""

from __future__ import annotations

import time

import structlog
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo
from prometheus_client import Counter

from dataflow.jobs.lane import Lane
from dataflow.process.health import Health
from dataflow.settings import NatsSettings

log = structlog.get_logger()

STALLS = Counter(
    "soloface_stalls", "How often a worker subscribed again because waiting jobs did not come."
)
CAUSE = "stalled"


class StallWatch:
    """Watches over one subscription; ``stall_s`` seconds without a job are worth a question."""

    def __init__(
        self,
        js: JetStreamContext,
        settings: NatsSettings,
        health: Health,
        stall_s: float,
        lane: Lane = Lane.LIVE,
    ) -> None:
        self._js = js
        self._stream, self._durable = settings.stream, settings.durable_of(lane)
        self._health = health
        self._stall_s = stall_s
        self.rest()

    def rest(self) -> None:
        """Nothing is asked for at the moment, so nothing can come."""
        self._since = time.monotonic()

    def moved(self) -> None:
        """Jobs came."""
        self.rest()
        self._health.recover(CAUSE, self)

    async def stalled(self) -> bool:
        """Whether the worker must subscribe again. Call it when nothing came."""
        if time.monotonic() - self._since < self._stall_s:
            return False
        self.rest()
        try:
            consumer = await self._js.consumer_info(self._stream, self._durable)
        except (NatsError, TimeoutError):
            return False  # somebody else reports a lost connection
        waiting = deliverable(consumer)
        if not waiting:
            self._health.recover(CAUSE, self)
            return False
        STALLS.inc()
        self._health.suffer(CAUSE, f"{waiting} jobs wait and none comes", self)
        log.warning("subscription_stalled", waiting=waiting, for_s=self._stall_s)
        return True


def deliverable(consumer: ConsumerInfo) -> int:
    """How many jobs the server would deliver if it were asked."""
    in_work, most = consumer.num_ack_pending or 0, consumer.config.max_ack_pending or 0
    if consumer.paused or 0 < most <= in_work:
        return 0
    return consumer.num_pending or 0
