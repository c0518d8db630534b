"""Waiting for the server's confirmation, but not for one that can no longer come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from nats.errors import ConnectionClosedError

from connectors.jetstream.connection import Connection

T = TypeVar("T")

CONFIRM_TIMEOUT_S = 5


async def confirmed(
    connection: Connection,
    ask: Callable[[], Awaitable[T]],
    timeout_s: float = CONFIRM_TIMEOUT_S,
    again_s: float = CONFIRM_TIMEOUT_S,
) -> T:
    """Ask, and ask again if the connection is lost before the answer: that went down with it.

    To ask twice must do no harm. What is asked while the connection is away is asked later.

    Raises:
        TimeoutError: no answer within ``timeout_s`` seconds, or within ``again_s`` of a return.
        nats.errors.Error: the answer is a refusal, or the connection was closed for good.
    """
    async with asyncio.timeout(timeout_s) as limit:
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
            await connection.there.wait()
            limit.reschedule(asyncio.get_running_loop().time() + again_s)
