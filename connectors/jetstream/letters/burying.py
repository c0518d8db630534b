"""Rejecting a job or a request by hand that waits on the stream, or that a process holds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.api import RawStreamMsg
from nats.js.errors import APIError, NotFoundError

from connectors.jetstream.connection import connect
from connectors.jetstream.jobs.given_up import NOBODY_ASKS
from connectors.jetstream.letters.letter import seal
from dataflow.jobs.delivery import Delivery
from dataflow.jobs.errors import ConfigurationError, SystemicError
from dataflow.jobs.outcome import Ended
from dataflow.process.kind import Kind
from dataflow.process.trace import traceparent_of
from dataflow.settings import NatsSettings, PeopleQueue

BY_HAND = ""
"""Stands for the model in the event of a job that no worker has settled."""


class Gravedigger:
    """Takes jobs off the stream by hand. Done twice, it changes nothing more."""

    def __init__(self, connection: Client, settings: NatsSettings, kind: Kind) -> None:
        self._kind = kind
        self._connection = connection
        self._js = connection.jetstream()
        self._settings = settings

    async def find(self, stream_seq: int) -> Delivery:
        """The job as the stream keeps it. It counts as delivered once: the server does not tell.

        Raises:
            ConfigurationError: there is no such job (any more).
        """
        stream, settings = self._settings.stream, self._settings
        try:
            message: RawStreamMsg = await self._js.get_msg(stream, stream_seq)
        except NotFoundError:
            raise ConfigurationError(
                f"there is no {self._what} {stream_seq} on {stream}, or not any more; "
                "soloface doctor names the oldest that is held"
            ) from None
        lane = settings.lane_of(message.subject or "")
        if lane is None:
            raise ConfigurationError(
                f"message {stream_seq} on {stream} is no {self._what}: its subject is "
                f"{message.subject}"
            )
        return Delivery(
            payload=message.data or b"",
            ack_token=NOBODY_ASKS,
            stream_seq=stream_seq,
            attempt=1,
            published_at=message.time or datetime.fromtimestamp(0, UTC),
            traceparent=traceparent_of(message.headers),
            lane=lane,
            subject=message.subject or "",
        )

    async def bury(self, item: Ended) -> None:
        """Write the dead letter, tell of the outcome, and take the job off the stream.

        Raises:
            SystemicError: some step is not confirmed; to be done again.
        """
        settings, delivery = self._settings, item.delivery
        payload, written = seal(item, settings.stream, self._connection.max_payload)
        await self._js.publish(
            settings.dead_subject, payload, stream=settings.dead_stream, headers=written
        )
        if settings.events:
            told = self._kind.tell(item, settings.stream, BY_HAND, datetime.now(UTC))
            await self._js.publish(
                settings.settled_subject,
                told.data,
                stream=settings.settled_stream,
                headers=told.headers,
            )
        try:
            await self._js.delete_msg(settings.stream, delivery.stream_seq)
        except APIError as error:
            # Its worker may have settled it in this moment, which this error does not tell.
            try:
                await self._js.get_msg(settings.stream, delivery.stream_seq)
            except NotFoundError:
                return
            raise SystemicError(
                f"the dead letter is written, but {settings.stream} does not let the "
                f"{self._what} {delivery.stream_seq} be removed: {error.description}"
            ) from error

    @property
    def _what(self) -> str:
        return "request" if isinstance(self._settings, PeopleQueue) else "job"


@asynccontextmanager
async def gravedigger(settings: NatsSettings, kind: Kind) -> AsyncIterator[Gravedigger]:
    """Connect to bury something of that kind.

    Raises:
        ConfigurationError: the credentials are refused.
        SystemicError: no server answers, or a stream does not.
    """
    connection = await connect(settings, "soloface dlq bury")
    try:
        yield Gravedigger(connection, settings, kind)
    except (NatsError, TimeoutError) as error:
        why = str(error) or type(error).__name__
        raise SystemicError(f"JetStream does not do it: {why}; run it again") from error
    finally:
        await connection.close()
