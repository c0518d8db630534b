"""What our login may do, as far as the server tells."""

from __future__ import annotations

from typing import Any

import orjson
from nats.aio.client import Client
from nats.errors import Error as NatsError

from connectors.jetstream.subjects import covers

USER_INFO = "$SYS.REQ.USER.INFO"
TIMEOUT_S = 1


async def may_publish(connection: Client, subject: str) -> bool | None:
    """Whether we may publish to a subject; ``None``: the server does not say."""
    try:
        reply = await connection.request(USER_INFO, timeout=TIMEOUT_S)
        user: dict[str, Any] = orjson.loads(reply.data)["data"]
    except (NatsError, TimeoutError, orjson.JSONDecodeError, KeyError):
        return None  # it is older than 2.10, or we may not even ask
    rules = (user.get("permissions") or {}).get("publish") or {}
    allowed, denied = rules.get("allow") or [">"], rules.get("deny") or []
    return _any_covers(allowed, subject) and not _any_covers(denied, subject)


def _any_covers(patterns: list[str], subject: str) -> bool:
    return any(covers(pattern, subject) for pattern in patterns)
