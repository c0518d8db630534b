"""The second lane of the jobs' stream, for what can wait. Where there is none, one does it all."""

from __future__ import annotations

from dataclasses import dataclass, replace

from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo, RetentionPolicy, StorageType, StreamInfo
from nats.js.errors import APIError

from connectors.jetstream.consumers import ensure_consumer, filters, find_consumer, require_sound
from connectors.jetstream.explaining import DeniedError, why
from connectors.jetstream.subjects import covers
from dataflow.jobs.errors import ConfigurationError
from dataflow.jobs.lane import Lane
from dataflow.settings import NatsSettings

SWITCHED_OFF = "SOLOFACE_NATS__BACKFILL=false"


@dataclass(frozen=True, slots=True)
class SecondLane:
    """Its consumer, or why there is none, unless it is switched off; and what was made for it."""

    consumer: ConsumerInfo | None = None
    why_not: str = ""
    made: tuple[str, ...] = ()


async def ensure_backfill(
    js: JetStreamContext, settings: NatsSettings, jobs: StreamInfo, live: ConsumerInfo
) -> SecondLane:
    """Make the lane where that may be done; a stream of somebody else's is left as it is.

    Raises:
        ConfigurationError: somebody made its consumer as it must not be.
        nats.errors.Error, TimeoutError: JetStream does not answer.
    """
    if not settings.backfill:
        return SecondLane()
    made: list[str] = []
    try:
        if not takes(jobs, settings):
            if not (settings.provision and may_gain(jobs, live, settings)):
                return SecondLane(why_not=untaken(settings))
            try:
                jobs = await _gain(js, jobs, settings)
            except DeniedError:  # who may not change streams asks somebody else to
                return SecondLane(why_not=untaken(settings))
            made.append(settings.backfill_subject)
        consumer, is_new = await ensure_consumer(js, settings, Lane.BACKFILL)
    except (DeniedError, APIError, ConfigurationError) as error:
        said = str(error) if isinstance(error, ConfigurationError) else why(error)
        return SecondLane(why_not=said, made=tuple(made))
    made += [settings.backfill_durable] if is_new else []
    require_sound(consumer, jobs.config.subjects or [], settings, Lane.BACKFILL)
    return SecondLane(consumer, made=tuple(made))


def takes(jobs: StreamInfo, settings: NatsSettings) -> bool:
    """Whether the stream takes the lane's subject."""
    return any(covers(p, settings.backfill_subject) for p in jobs.config.subjects or [])


def untaken(settings: NatsSettings) -> str:
    """Why there is no second lane on a stream that does not take its subject, and what to do."""
    subjects = f"{settings.subject},{settings.backfill_subject}"
    return (
        f"the stream {settings.stream} does not take {settings.backfill_subject}, so all jobs go "
        f"to {settings.subject}; nats stream edit {settings.stream} --subjects={subjects} and a "
        f"new start of the workers give you the lane, {SWITCHED_OFF} ends this message"
    )


def may_gain(jobs: StreamInfo, live: ConsumerInfo, settings: NatsSettings) -> bool:
    """Whether the stream is as soloface makes it, and no consumer would take the new jobs."""
    config = jobs.config
    limits = (config.max_age, config.max_msgs, config.max_bytes, config.max_msgs_per_subject)
    return (
        config.subjects == [settings.subject]
        and config.retention == RetentionPolicy.WORK_QUEUE
        and config.storage == StorageType.FILE
        and not config.description
        and all((limit or 0) <= 0 for limit in limits)
        and not (config.mirror or config.sources)
        and filters(live.config) == [settings.subject]
    )


async def publishing_subject(js: JetStreamContext, settings: NatsSettings) -> tuple[str, str]:
    """Where jobs that can wait are published, and if that is the live lane, why. Makes nothing.

    Raises:
        nats.errors.Error, TimeoutError: JetStream does not answer.
    """
    if not settings.backfill:
        return settings.subject, ""
    try:
        if not takes(await js.stream_info(settings.stream), settings):
            return settings.subject, untaken(settings)
        consumer = await find_consumer(js, settings, Lane.BACKFILL)
    except (DeniedError, APIError) as error:
        return settings.subject, why(error)
    if consumer is None:
        return settings.subject, (
            f"no worker has made the consumer {settings.backfill_durable} on {settings.stream}; "
            "soloface doctor --fix makes it"
        )
    return settings.backfill_subject, ""


async def _gain(js: JetStreamContext, jobs: StreamInfo, settings: NatsSettings) -> StreamInfo:
    subjects = [settings.subject, settings.backfill_subject]
    return await js.update_stream(replace(jobs.config, subjects=subjects))
