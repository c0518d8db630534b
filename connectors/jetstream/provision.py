"""The stream and the durable consumer: made when absent, checked when there, never altered."""

from __future__ import annotations

from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    ConsumerInfo,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import APIError, NotFoundError

from connectors.jetstream.subjects import covers
from dataflow.jobs.errors import ConfigurationError
from dataflow.settings import NatsSettings

DEAD_LETTERS_KEPT_S = 30 * 24 * 3600
DEAD_LETTER_ONCE_S = 3600
"""A job whose term was lost is buried again within this time at most once."""
EVENTS_KEPT_S = 3 * 24 * 3600
EVENTS_KEPT = 10_000_000
"""Of events the oldest go first: they are news, the outcomes are in the database."""
EVENT_ONCE_S = 600
UNLIMITED = -1


async def provision(js: JetStreamContext, settings: NatsSettings) -> ConsumerInfo:
    """Make sure that everything is there; returns the durable consumer as it is.

    Raises:
        ConfigurationError: something is absent and may not be made, or is not as it must be.
    """
    try:
        # Jobs leave a work queue when they are settled, and never by age.
        jobs = StreamConfig(
            name=settings.stream,
            subjects=[settings.subject],
            retention=RetentionPolicy.WORK_QUEUE,
            storage=StorageType.FILE,
        )
        dead = StreamConfig(
            name=settings.dead_stream,
            subjects=[settings.dead_subject],
            max_age=DEAD_LETTERS_KEPT_S,
            duplicate_window=DEAD_LETTER_ONCE_S,
            storage=StorageType.FILE,
        )
        subjects = await _ensure_stream(js, jobs, may_create=settings.provision)
        await _ensure_stream(js, dead, may_create=settings.provision)
        if settings.events:
            await _ensure_stream(js, _events(settings), may_create=settings.provision)
        consumer = await _ensure_consumer(js, settings)
    except NatsError as error:
        raise ConfigurationError(f"JetStream cannot be set up: {error}") from error
    problems = consumer_problems(consumer.config, subjects, settings)
    if problems:
        raise ConfigurationError(
            f"the consumer {settings.durable} on {settings.stream} would lose jobs: "
            + "; ".join(problems)
            + "; delete it and let soloface make it anew, or name another (SOLOFACE_NATS__DURABLE)"
        )
    return consumer


def _events(settings: NatsSettings) -> StreamConfig:
    return StreamConfig(
        name=settings.settled_stream,
        subjects=[settings.settled_subject],
        max_age=EVENTS_KEPT_S,
        max_msgs=EVENTS_KEPT,
        discard=DiscardPolicy.OLD,
        duplicate_window=EVENT_ONCE_S,
        storage=StorageType.FILE,
    )


def consumer_problems(
    config: ConsumerConfig, stream_subjects: list[str], settings: NatsSettings
) -> list[str]:
    """What in an existing consumer would break the promise that no job is lost."""
    problems = []
    if config.ack_policy != AckPolicy.EXPLICIT:
        problems.append("its ack policy is not explicit")
    if config.deliver_subject:
        problems.append("it is a push consumer")
    if 0 < (config.max_deliver or UNLIMITED) <= settings.max_deliver:
        # The worker dead-letters at its own limit; a server that gives up first does it in silence.
        problems.append(
            f"it gives up after {config.max_deliver} deliveries, before the worker does "
            f"(SOLOFACE_NATS__MAX_DELIVER={settings.max_deliver})"
        )
    taken = config.filter_subjects or [config.filter_subject or ""]
    if taken == [""]:
        taken = stream_subjects
    if taken != [settings.subject]:
        # Whatever else it delivers, the worker would reject.
        problems.append(f"it delivers {', '.join(taken)} and not {settings.subject} alone")
    return problems


def effective_ack_wait_s(config: ConsumerConfig) -> float:
    """Seconds without a sign of life after which the server redelivers."""
    if config.backoff:
        return min(config.backoff)
    return config.ack_wait or 30  # the server's own default


async def _ensure_stream(
    js: JetStreamContext, wanted: StreamConfig, *, may_create: bool
) -> list[str]:
    """Returns the stream's subjects."""
    name = wanted.name or ""
    try:
        info = await js.stream_info(name)
    except NotFoundError:
        if not may_create:
            raise ConfigurationError(
                f"the stream {name} does not exist; create it or set SOLOFACE_NATS__PROVISION=true"
            ) from None
        try:
            await js.add_stream(wanted)
        except APIError as error:
            raise ConfigurationError(
                f"the stream {name} cannot be created: {error.description}"
            ) from error
        return wanted.subjects or []
    subjects = info.config.subjects or []
    subject = (wanted.subjects or [""])[0]
    if not any(covers(pattern, subject) for pattern in subjects):
        raise ConfigurationError(f"the stream {name} does not take the subject {subject}")
    return subjects


async def _ensure_consumer(js: JetStreamContext, settings: NatsSettings) -> ConsumerInfo:
    try:
        found: ConsumerInfo = await js.consumer_info(settings.stream, settings.durable)
    except NotFoundError:
        if not settings.provision:
            raise ConfigurationError(
                f"the consumer {settings.durable} does not exist on {settings.stream}; create it "
                "or set SOLOFACE_NATS__PROVISION=true"
            ) from None
    else:
        return found
    wanted = ConsumerConfig(
        durable_name=settings.durable,
        filter_subject=settings.subject,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=settings.ack_wait_s,
        max_ack_pending=settings.max_ack_pending,
        max_deliver=UNLIMITED,
    )
    made: ConsumerInfo = await js.add_consumer(settings.stream, wanted)
    return made
