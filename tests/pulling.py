"""Jobs off a consumer, as a worker pulls them."""

from __future__ import annotations

import asyncio
from typing import cast

from nats.js import JetStreamContext

from connectors.jetstream.connection import Connection
from connectors.jetstream.jobs.came import delivery_of
from connectors.jetstream.jobs.pulling import Pull
from dataflow.jobs.delivery import Delivery
from dataflow.settings import NatsSettings


async def taken(js: JetStreamContext, settings: NatsSettings, count: int = 1) -> list[Delivery]:
    """So many, without an answer."""
    pull = Pull(connection_of(js), settings)
    await pull.subscribe()
    found: list[Delivery] = []
    async with asyncio.timeout(60):
        while len(found) < count:
            found += map(delivery_of, (await pull.fetch(count - len(found))).jobs)
    await pull.unsubscribe()
    return found


def connection_of(js: JetStreamContext) -> Connection:
    """Whose JetStream it is."""
    return cast("Connection", js._nc)
