"""Waiting for the server's confirmation, but not for one that can no longer come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from nats.errors import ConnectionClosedError

from connectors.jetstream.connection import Connection, LostError

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
    now = asyncio.get_running_loop().time
    deadline = now() + timeout_s
    while True:
        async with asyncio.timeout_at(deadline):
            await connection.there.wait()
        try:
            async with connection.while_there(deadline):
                return await ask()
        except LostError:
            if connection.is_closed:
                raise ConnectionClosedError from None
        async with asyncio.timeout_at(deadline):
            await connection.there.wait()
        deadline = now() + again_s
