"""NATS: the consumer that workers share."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from nats.js.errors import NotFoundError

from connectors.jetstream.connection import connect as connect_nats
from connectors.jetstream.provision import consumer_problems
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import Settings


def consumer(settings: Settings) -> Iterator[str]:
    """Is there a durable consumer that keeps the promises, or may one be made."""
    yield asyncio.run(_consumer(settings))


async def _consumer(settings: Settings) -> str:
    nats = settings.nats
    connection = await connect_nats(nats, "soloface doctor")
    try:
        try:
            js = connection.jetstream()
            stream = await js.stream_info(nats.stream)
            info = await js.consumer_info(nats.stream, nats.durable)
        except NotFoundError:
            if nats.provision:
                return f"connected; {nats.durable} on {nats.stream} will be made at the first start"
            raise ConfigurationError(
                f"there is no consumer {nats.durable} on {nats.stream}; create it or set "
                "SOLOFACE_NATS__PROVISION=true"
            ) from None
    finally:
        await connection.close()
    if problems := consumer_problems(info.config, stream.config.subjects or [], nats):
        raise ConfigurationError(f"the consumer {nats.durable}: " + "; ".join(problems))
    return f"{nats.durable}: {info.num_pending} jobs waiting, {info.num_ack_pending} in work"
