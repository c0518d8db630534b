"""What a worker's login must be allowed to do, and what ours may, as far as the server tells."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Self

import orjson
from nats.errors import Error as NatsError
from nats.js.api import DEFAULT_PREFIX

from connectors.jetstream.connection import Connection
from connectors.jetstream.provision import wanted_streams
from connectors.jetstream.subjects import covers
from dataflow.jobs.lane import Lane
from dataflow.settings import NatsSettings, PeopleQueue

USER_INFO = "$SYS.REQ.USER.INFO"
TIMEOUT_S = 1


class Verb(StrEnum):
    """What is done with a subject."""

    PUBLISH = "publish"
    SUBSCRIBE = "subscribe"


class Need(StrEnum):
    """What becomes of a worker without the right."""

    ALWAYS = "always"
    BACKFILL = "for the second lane"
    TO_MAKE = "to make streams and consumer"
    SHOULD = "should"


@dataclass(frozen=True, slots=True)
class Right:
    """A subject, maybe with wildcards, and what it is for.

    ``mapped`` is what a server that is in JetStream's domain itself makes of the subject. Which of
    the two it looks at depends on where the login's server is; to allow both does no harm.
    """

    verb: Verb
    subject: str
    purpose: str
    need: Need = Need.ALWAYS
    mapped: str | None = None

    @property
    def subjects(self) -> list[str]:
        """All of them, for a server's configuration."""
        return [self.subject, *([self.mapped] if self.mapped else [])]

    def __str__(self) -> str:
        """As an operator reads it."""
        return f"{self.verb} to {self.subject}"


def worker_rights(settings: NatsSettings) -> Iterator[Right]:
    """Everything that a worker needs; see docs/security.md."""
    stream = settings.stream
    streams = [wanted.name or "" for wanted in wanted_streams(settings)]

    yield Right(Verb.SUBSCRIBE, f"{settings.inbox_prefix}.>", "hear the server's answers")
    for name in streams:
        yield _ask(settings, f"STREAM.INFO.{name}", "see that the stream is there")
    for lane in settings.lanes:
        yield from _consuming(settings, lane)
    yield _publish(settings.dead_subject, "write dead letters")
    if settings.events:
        yield _publish(settings.settled_subject, "publish events")
    if settings.tags:
        yield _publish(settings.tags_subject, "tell changes of tags")
    for lane in settings.lanes:
        yield Right(
            Verb.SUBSCRIBE,
            f"$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.{stream}.{settings.durable_of(lane)}",
            "hear of jobs that the server gave up",
            Need.SHOULD,
        )
    reading = "read those jobs, and the age of the oldest one"
    yield _ask(settings, f"STREAM.MSG.GET.{stream}", reading, Need.SHOULD)
    deleting = "take those jobs off the stream"
    yield _ask(settings, f"STREAM.MSG.DELETE.{stream}", deleting, Need.SHOULD)
    yield _publish(USER_INFO, "see which of these rights are missing", Need.SHOULD)
    yield from _making(settings, streams)


def people_rights(settings: NatsSettings) -> Iterator[Right]:
    """Everything that a login needs which serves requests about people; see docs/security.md.

    A withdrawal reads all streams, and overwrites the messages that name the user.
    """
    yield from worker_rights(settings.people)
    own = {wanted.name for wanted in wanted_streams(settings.people)}
    both = [*wanted_streams(settings), *wanted_streams(settings.people)]
    for name in [wanted.name or "" for wanted in both if wanted.name != settings.people_stream]:
        if name not in own:
            yield _ask(settings, f"STREAM.INFO.{name}", "see what a withdrawal has to read")
        yield _ask(settings, f"STREAM.MSG.GET.{name}", "find what names somebody who withdraws")
        yield _ask(settings, f"STREAM.MSG.DELETE.{name}", "overwrite it")


def needed_rights(settings: NatsSettings) -> Iterator[Right]:
    """Everything that a login needs which serves this queue."""
    if isinstance(settings, PeopleQueue):
        return people_rights(settings.photos)
    return worker_rights(settings)


def _consuming(settings: NatsSettings, lane: Lane) -> Iterator[Right]:
    """To take and answer a lane's jobs."""
    need = Need.ALWAYS if lane is Lane.LIVE else Need.BACKFILL
    consumer = f"{settings.stream}.{settings.durable_of(lane)}"
    yield _ask(settings, f"CONSUMER.INFO.{consumer}", "see what waits", need)
    yield _ask(settings, f"CONSUMER.MSG.NEXT.{consumer}", "ask for jobs", need)
    acks, domain = f"{consumer}.>", settings.jetstream_domain
    yield Right(
        Verb.PUBLISH,
        f"$JS.ACK.{domain}.*.{acks}" if domain else f"$JS.ACK.{acks}",
        "answer jobs, and vouch for those in work",
        need,
        mapped=f"$JS.ACK.{acks}" if domain else None,
    )


def _making(settings: NatsSettings, streams: Sequence[str]) -> Iterator[Right]:
    for name in streams:
        yield _ask(settings, f"STREAM.CREATE.{name}", "make the stream", Need.TO_MAKE)
    for lane in settings.lanes:
        consumer = f"{settings.stream}.{settings.durable_of(lane)}"
        making = f"CONSUMER.DURABLE.CREATE.{consumer}"
        yield _ask(settings, making, "make the consumer", Need.TO_MAKE)
    if settings.backfill:
        yield gaining(settings)


def gaining(settings: NatsSettings) -> Right:
    """To give a stream the second lane."""
    purpose = "add the second lane to a stream that was made without it"
    return _ask(settings, f"STREAM.UPDATE.{settings.stream}", purpose, Need.TO_MAKE)


def _publish(subject: str, purpose: str, need: Need = Need.ALWAYS) -> Right:
    return Right(Verb.PUBLISH, subject, purpose, need)


def _ask(settings: NatsSettings, what: str, purpose: str, need: Need = Need.ALWAYS) -> Right:
    subject, plain = f"{settings.jetstream_prefix}.{what}", f"{DEFAULT_PREFIX}.{what}"
    mapped = plain if settings.jetstream_domain else None
    return Right(Verb.PUBLISH, subject, purpose, need, mapped)


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
        return any(map(rules.permit, right.subjects))


async def permissions(connection: Connection) -> Permissions | None:
    """What our login may do; ``None``: the server does not say."""
    try:
        answer = orjson.loads((await connection.request(USER_INFO, timeout=TIMEOUT_S)).data)
        if not _is_from_ours(connection, answer):
            answer = await _from_ours(connection)
        found = answer["data"].get("permissions") or {}
        return Permissions(Rules.of(found.get("publish")), Rules.of(found.get("subscribe")))
    except (NatsError, TimeoutError, orjson.JSONDecodeError, KeyError):
        return None  # it is older than 2.10, or we may not even ask


async def _from_ours(connection: Connection) -> dict[str, Any]:
    """The answer of the server that we are connected to: one across a leaf node answers too."""
    address = connection.new_inbox()
    subscription = await connection.subscribe(address)
    try:
        await connection.publish(USER_INFO, reply=address)
        async with asyncio.timeout(TIMEOUT_S):
            while True:
                message = await subscription.next_msg(timeout=TIMEOUT_S)
                answer: dict[str, Any] = orjson.loads(message.data)
                if _is_from_ours(connection, answer):
                    return answer
    finally:
        await subscription.unsubscribe()


def _is_from_ours(connection: Connection, answer: dict[str, Any]) -> bool:
    return bool(answer["server"]["id"] == connection.server_id)


async def missing_rights(connection: Connection, settings: NatsSettings) -> list[Right] | None:
    """The rights that our login lacks; ``None``: the server does not say."""
    ours = await permissions(connection)
    if ours is None:
        return None
    return [right for right in needed_rights(settings) if not ours.permit(right)]


def no_second_lane(missing: Sequence[Right]) -> str:
    """Why a login that lacks these rights must do with one lane; empty if it need not."""
    lacking = [str(right) for right in missing if right.need is Need.BACKFILL]
    return f"this login may not {', '.join(lacking)}" if lacking else ""
