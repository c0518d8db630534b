"""Waiting for the server's confirmation, but not for one that can no longer come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from nats.errors import ConnectionClosedError

from connectors.jetstream.connection import Connection

T = TypeVar("T")

CONFIRM_TIMEOUT_S = 5


async def confirmed(connection: Connection, ask: Callable[[], Awaitable[T]]) -> T:
    """Ask, and ask again if the connection is lost before the answer: that went down with it.

    To ask twice must do no harm. Whoever asks while the connection is away is asked for when it is
    back.

    Raises:
        TimeoutError: there is no answer in time, all in all.
        nats.errors.Error: the answer is a refusal, or the connection was closed for good.
    """
    async with asyncio.timeout(CONFIRM_TIMEOUT_S):
        while True:
            await connection.there.wait()
            asking = asyncio.ensure_future(ask())
            losing = asyncio.ensure_future(connection.gone.wait())
            try:
                await asyncio.wait({asking, losing}, return_when=asyncio.FIRST_COMPLETED)
                if asking.done():
                    return asking.result()
            finally:
                asking.cancel()
                losing.cancel()
            if connection.is_closed:
                raise ConnectionClosedError
