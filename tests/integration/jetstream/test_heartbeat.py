"""What travels from one process to another is vouched for all the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from connectors.jetstream.connection import connect
from connectors.jetstream.jobs.heartbeat import InFlight
from connectors.jetstream.provision import provision
from dataflow.jobs.custody import UNCLAIMED
from dataflow.settings import NatsSettings
from tests.patience import PATIENCE_S
from tests.world import eventually

ACK_WAIT_S = 2


@asynccontextmanager
async def process(settings: NatsSettings) -> AsyncIterator[InFlight]:
    connection = await connect(settings, "test")
    in_flight = InFlight(connection, ACK_WAIT_S)
    await in_flight.listen()
    beating = asyncio.create_task(in_flight.beat())
    yield in_flight
    beating.cancel()
    await connection.close()


def test_it_is_vouched_for_until_it_has_arrived(nats_settings: NatsSettings) -> None:
    settings = nats_settings.model_copy(update={"ack_wait_s": ACK_WAIT_S})

    async def story() -> None:
        async with process(settings) as here, process(settings) as there:
            js = (connection := await connect(settings, "test")).jetstream()
            await provision(js, settings)
            await js.publish(settings.subject, b"")
            pull = await js.pull_subscribe_bind(durable=settings.durable, stream=settings.stream)
            (message,) = await pull.fetch(1)
            here.add([message.reply])

            receipt = here.left(message.reply)
            assert (len(here), here.on_the_way) == (0, 1)
            with pytest.raises(TimeoutError):
                await pull.fetch(1, timeout=1.5 * ACK_WAIT_S)

            there.arrived(message.reply, receipt)
            await asyncio.to_thread(eventually, lambda: here.on_the_way == 0, "it is told")
            assert list(there) == [message.reply]
            with pytest.raises(TimeoutError):
                await pull.fetch(1, timeout=1.5 * ACK_WAIT_S)

            there.remove(message.reply)
            (again,) = await pull.fetch(1, timeout=PATIENCE_S)
            assert again.metadata.num_delivered == 2
            await connection.close()

    asyncio.run(story())


def test_what_is_not_vouched_for_is_not_expected_anywhere(nats_settings: NatsSettings) -> None:
    async def story() -> None:
        async with process(nats_settings) as here:
            assert here.left("settled") == UNCLAIMED
            assert here.on_the_way == 0

    asyncio.run(story())
