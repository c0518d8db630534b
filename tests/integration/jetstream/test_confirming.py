"""A confirmation that went down with its connection is asked for again, not waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from nats.errors import ConnectionClosedError

from connectors.embedded import NatsServer
from connectors.jetstream.connection import Connection, LostError, connect
from connectors.jetstream.jobs.confirming import confirmed
from connectors.jetstream.jobs.heartbeat import InFlight
from connectors.jetstream.jobs.settling import ACK, Settler
from dataflow.settings import NatsSettings
from tests.patience import PATIENCE_S


@pytest.fixture
def own_nats() -> Iterator[NatsServer]:
    with NatsServer() as server:
        yield server


async def connected(server: NatsServer) -> Connection:
    return await connect(NatsSettings(url=server.url, user=server.user, password=server.password))


async def lost(connection: Connection) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    with pytest.raises(LostError):
        async with connection.while_there(deadline):
            await asyncio.Event().wait()


class Question:
    """Asked for the first time, it gets no answer."""

    def __init__(self) -> None:
        self.asked = 0
        self.begun = asyncio.Event()

    async def ask(self) -> int:
        self.asked += 1
        self.begun.set()
        if self.asked == 1:
            await asyncio.Event().wait()
        return self.asked


def test_what_was_asked_before_a_crash_is_asked_again_after_it(own_nats: NatsServer) -> None:
    async def story() -> int:
        connection = await connected(own_nats)
        question = Question()
        answer = asyncio.create_task(confirmed(connection, question.ask))
        await question.begun.wait()
        own_nats.kill()
        await lost(connection)
        own_nats.start()
        try:
            return await asyncio.wait_for(answer, PATIENCE_S)
        finally:
            await connection.close()

    assert asyncio.run(story()) == 2


def test_nobody_waits_on_a_connection_that_was_closed(own_nats: NatsServer) -> None:
    async def story() -> None:
        connection = await connected(own_nats)
        question = Question()
        answer = asyncio.create_task(confirmed(connection, question.ask))
        await question.begun.wait()
        await connection.close()
        await asyncio.wait_for(answer, PATIENCE_S)

    with pytest.raises(ConnectionClosedError):
        asyncio.run(story())


def test_a_server_that_forgot_its_deliveries_is_not_waited_for_each_time(
    own_nats: NatsServer,
) -> None:
    settings = NatsSettings(url=own_nats.url, user=own_nats.user, password=own_nats.password)

    async def story() -> list[str]:
        connection = await connect(settings)
        in_flight = InFlight(connection, 30)
        settler = Settler(connection, connection.jetstream(), in_flight, settings)
        silent = [await _silence(connection) for _ in range(3)]
        in_flight.add(silent)
        own_nats.kill()
        await lost(connection)
        own_nats.start()
        await asyncio.wait_for(connection.there.wait(), PATIENCE_S)
        failures = []
        for token in silent:
            with pytest.raises(TimeoutError) as failure:
                await settler.answer(token, ACK)
            failures.append(str(failure.value))
        await connection.close()
        return failures

    first, *others = asyncio.run(story())
    assert first == ""
    assert others == ["NATS may have forgotten it"] * 2


async def _silence(connection: Connection) -> str:
    """A subject on which somebody listens and never answers."""
    subject = connection.new_inbox()
    await connection.subscribe(subject)
    return subject
