"""Whether NATS still answers: a connection may stay open long after the server fell silent."""

from __future__ import annotations

import asyncio

import structlog

from connectors.jetstream.connection import Connection
from dataflow.process.asking import EVERY_S, WHILE_AWAY_S, WITHIN_S
from dataflow.process.health import Health

log = structlog.get_logger()


async def keep_pinging(connection: Connection, health: Health) -> None:
    """Ping the server now and then, for ever."""
    watch = health.watch("NATS")
    pause_s = EVERY_S
    while True:
        await asyncio.sleep(pause_s)
        pause_s = EVERY_S
        # The code that connects again reports a lost connection.
        if not connection.is_connected or await _answers(connection):
            watch.succeeded()
        else:
            watch.failed("the server does not answer")
            pause_s = WHILE_AWAY_S


async def _answers(connection: Connection) -> bool:
    since = connection.since
    try:
        for _ in range(2):
            if await connection.answers(WITHIN_S):
                return True
    except Exception as error:  # noqa: BLE001 - of any kind, while nats-py loses its connection
        log.debug("ping_failed", error=repr(error))
    return connection.since != since or not connection.is_connected
