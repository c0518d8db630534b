"""What a consumer has had in work for longest, as far as JetStream alone can tell."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo, RawStreamMsg
from nats.js.errors import NotFoundError

from connectors.jetstream.connection import connect
from connectors.jetstream.explaining import DeniedError
from connectors.jetstream.letters.letter import id_in
from dataflow.jobs.errors import DataError, SystemicError
from dataflow.jobs.job import parse_job
from dataflow.jobs.lane import Lane
from dataflow.settings import NatsSettings

_LOOK_AGAIN_S = 0.5


@dataclass(frozen=True, slots=True)
class InWork:
    """The oldest job, or request about a person, that was delivered and not settled.

    ``age`` is since it was published. ``stays`` says that it was the oldest for as long as we
    looked. ``photo_id``, ``image_ref`` and ``user_id`` are as the payload has them. Of all
    ``in_work``, ``redelivered`` were delivered more than once: the server does not tell for one
    alone.
    """

    stream_seq: int
    age: timedelta
    stays: bool
    photo_id: str | None
    image_ref: str | None
    user_id: UUID | None
    in_work: int
    redelivered: int


async def oldest_in_work(
    settings: NatsSettings,
    old: timedelta,
    look_for_s: float,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> InWork | None:
    """Look for it; for up to ``look_for_s`` seconds where it is older than ``old``.

    Raises:
        ConfigurationError, SystemicError: NATS or the consumer cannot be asked.
    """
    connection = await connect(settings, "soloface doctor")
    try:
        js = connection.jetstream()
        found = await _oldest(js, settings)
        deadline = asyncio.get_running_loop().time() + look_for_s
        while found and _age(found[0]) > old:
            if asyncio.get_running_loop().time() > deadline:
                return _in_work(*found, stays=True)
            await sleep(_LOOK_AGAIN_S)
            again = await _oldest(js, settings)
            if again is None or again[0].seq != found[0].seq:
                return _in_work(*again, stays=False) if again else None
        return _in_work(*found, stays=False) if found else None
    except (NatsError, TimeoutError) as error:
        why = str(error) or type(error).__name__
        raise SystemicError(f"the consumer {settings.durable} cannot be asked: {why}") from error
    finally:
        await connection.close()


async def _oldest(
    js: JetStreamContext, settings: NatsSettings
) -> tuple[RawStreamMsg, ConsumerInfo] | None:
    """That of all lanes."""
    found = [oldest for lane in settings.lanes if (oldest := await _oldest_of(js, settings, lane))]
    return min(found, key=lambda oldest: oldest[0].seq or 0, default=None)


async def _oldest_of(
    js: JetStreamContext, settings: NatsSettings, lane: Lane
) -> tuple[RawStreamMsg, ConsumerInfo] | None:
    try:
        consumer = await js.consumer_info(settings.stream, settings.durable_of(lane))
    except (NotFoundError, DeniedError):
        if lane is Lane.LIVE:
            raise
        return None  # there is one lane
    if not consumer.num_ack_pending or not consumer.ack_floor or not consumer.delivered:
        return None
    try:
        message = await js.get_msg(
            settings.stream,
            consumer.ack_floor.stream_seq + 1,
            subject=settings.any_subject_of(lane),
            next=True,
        )
    except NotFoundError:
        return None
    return (message, consumer) if (message.seq or 0) <= consumer.delivered.stream_seq else None


def _age(message: RawStreamMsg) -> timedelta:
    now = datetime.now(UTC)
    return now - (message.time or now)


def _in_work(message: RawStreamMsg, consumer: ConsumerInfo, *, stays: bool) -> InWork:
    photo_id = image_ref = None
    try:
        job = parse_job(message.data or b"")
        photo_id, image_ref = str(job.photo_id), job.image_ref
    except DataError:
        pass
    return InWork(
        message.seq or 0,
        _age(message),
        stays,
        photo_id,
        image_ref,
        id_in(message.data or b"", "user_id"),
        consumer.num_ack_pending or 0,
        consumer.num_redelivered or 0,
    )
