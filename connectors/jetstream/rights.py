"""What a worker's login must be allowed to do, and what ours may, as far as the server tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

import orjson
from nats.errors import Error as NatsError

from connectors.jetstream.connection import Connection
from connectors.jetstream.provision import wanted_streams
from connectors.jetstream.subjects import covers
from dataflow.settings import NatsSettings

USER_INFO = "$SYS.REQ.USER.INFO"
TIMEOUT_S = 1


class Verb(StrEnum):
    """What is done with a subject."""

    PUBLISH = "publish"
    SUBSCRIBE = "subscribe"


class Need(StrEnum):
    """What becomes of a worker without the right."""

    ALWAYS = "always"
    TO_MAKE = "to make streams and consumer"
    SHOULD = "should"


@dataclass(frozen=True, slots=True)
class Right:
    """A subject, maybe with wildcards, and what it is for."""

    verb: Verb
    subject: str
    purpose: str
    need: Need = Need.ALWAYS

    def __str__(self) -> str:
        """As an operator reads it."""
        return f"{self.verb} to {self.subject}"


def worker_rights(settings: NatsSettings) -> Iterator[Right]:
    """Everything that a worker needs; see docs/security.md."""
    api, stream, durable = settings.jetstream_prefix, settings.stream, settings.durable
    publish, subscribe = Verb.PUBLISH, Verb.SUBSCRIBE
    names = [wanted.name or "" for wanted in wanted_streams(settings)]
    yield Right(subscribe, f"{settings.inbox_prefix}.>", "hear the server's answers")
    for name in names:
        yield Right(publish, f"{api}.STREAM.INFO.{name}", "see that the stream is there")
    yield Right(publish, f"{api}.CONSUMER.INFO.{stream}.{durable}", "see what waits")
    yield Right(publish, f"{api}.CONSUMER.MSG.NEXT.{stream}.{durable}", "ask for jobs")
    yield Right(publish, _acks(settings), "answer jobs, and vouch for those in work")
    yield Right(publish, settings.dead_subject, "write dead letters")
    if settings.events:
        yield Right(publish, settings.settled_subject, "publish events")
    yield Right(
        subscribe,
        f"$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.{stream}.{durable}",
        "hear of jobs that the server gave up",
        Need.SHOULD,
    )
    yield Right(
        publish,
        f"{api}.STREAM.MSG.GET.{stream}",
        "read those jobs, and the age of the oldest one",
        Need.SHOULD,
    )
    yield Right(
        publish, f"{api}.STREAM.MSG.DELETE.{stream}", "take those jobs off the stream", Need.SHOULD
    )
    yield Right(publish, USER_INFO, "see which of these rights are missing", Need.SHOULD)
    for name in names:
        yield Right(publish, f"{api}.STREAM.CREATE.{name}", "make the stream", Need.TO_MAKE)
    yield Right(
        publish,
        f"{api}.CONSUMER.DURABLE.CREATE.{stream}.{durable}",
        "make the consumer",
        Need.TO_MAKE,
    )


def _acks(settings: NatsSettings) -> str:
    domain = f"{settings.jetstream_domain}.*." if settings.jetstream_domain else ""
    return f"$JS.ACK.{domain}{settings.stream}.{settings.durable}.>"


@dataclass(frozen=True, slots=True)
class Rules:
    """The subjects that are allowed, and those of them that are not."""

    allow: list[str] = field(default_factory=lambda: [">"])
    deny: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, rules: dict[str, list[str]] | None) -> Self:
        """As the server writes them."""
        rules = rules or {}
        return cls(rules.get("allow") or [">"], rules.get("deny") or [])

    def permit(self, subject: str) -> bool:
        """Whether all of a subject is allowed."""
        allowed = any(covers(pattern, subject) for pattern in self.allow)
        return allowed and not any(covers(pattern, subject) for pattern in self.deny)


@dataclass(frozen=True, slots=True)
class Permissions:
    """What one login may do."""

    publish: Rules
    subscribe: Rules

    def permit(self, right: Right) -> bool:
        """Whether it has the right."""
        rules = self.publish if right.verb is Verb.PUBLISH else self.subscribe
        return rules.permit(right.subject)


async def permissions(connection: Connection) -> Permissions | None:
    """What our login may do; ``None``: the server does not say."""
    try:
        reply = await connection.request(USER_INFO, timeout=TIMEOUT_S)
        user: dict[str, Any] = orjson.loads(reply.data)["data"]
    except (NatsError, TimeoutError, orjson.JSONDecodeError, KeyError):
        return None  # it is older than 2.10, or we may not even ask
    found = user.get("permissions") or {}
    return Permissions(Rules.of(found.get("publish")), Rules.of(found.get("subscribe")))


async def missing_rights(connection: Connection, settings: NatsSettings) -> list[Right] | None:
    """The rights that our login lacks; ``None``: the server does not say."""
    ours = await permissions(connection)
    if ours is None:
        return None
    return [right for right in worker_rights(settings) if not ours.permit(right)]
