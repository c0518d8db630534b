"""The stream and the durable consumer: made when absent, checked when there, never altered."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    ConsumerInfo,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
    StreamInfo,
)
from nats.js.errors import APIError, NotFoundError

from connectors.jetstream.connection import connect
from connectors.jetstream.explaining import explained, why
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
TAG_CHANGE_ONCE_S = 600
UNLIMITED = -1
_NAME_IN_USE = 10058


@dataclass(frozen=True, slots=True)
class Provision:
    """What is there: the durable consumer, the jobs' stream; and the names of what was made."""

    consumer: ConsumerInfo
    jobs: StreamInfo
    made: tuple[str, ...]


async def provision(
    js: JetStreamContext, settings: NatsSettings, first_seq: int | None = None
) -> Provision:
    """Make sure that everything is there.

    ``first_seq`` is where a stream of jobs that is made again goes on to count.

    Raises:
        ConfigurationError: something is absent and may not be made, or is not as it must be.
        SystemicError: JetStream does not answer.
    """
    made = []
    with explained("JetStream cannot be set up"):
        for wanted in wanted_streams(settings):
            if wanted.name == settings.stream:
                jobs, is_new = await _ensure_stream(
                    js, replace(wanted, first_seq=first_seq), may_create=settings.provision
                )
            else:
                _, is_new = await _ensure_stream(js, wanted, may_create=settings.provision)
            made += [wanted.name or ""] if is_new else []
        consumer, is_new = await _ensure_consumer(js, settings)
        made += [settings.durable] if is_new else []
    problems = consumer_problems(consumer.config, jobs.config.subjects or [], settings)
    if problems:
        raise ConfigurationError(
            f"the consumer {settings.durable} on {settings.stream} would lose jobs: "
            + "; ".join(problems)
            + "; delete it and let soloface make it again, or name another (SOLOFACE_NATS__DURABLE)"
        )
    return Provision(consumer, jobs, tuple(made))


async def make_missing(settings: NatsSettings) -> tuple[str, ...]:
    """Connect and make what is absent, whatever the settings allow a worker; returns the names.

    Raises:
        ConfigurationError, SystemicError: see `connect` and `provision`.
    """
    connection = await connect(settings, "soloface")
    try:
        allowed = settings.model_copy(update={"provision": True})
        return (await provision(connection.jetstream(), allowed)).made
    finally:
        await connection.close()


def wanted_streams(settings: NatsSettings) -> list[StreamConfig]:
    """The streams that a worker needs, as it would make them; that of the jobs is the first."""
    # Jobs leave a work queue when they are settled, and never by age.
    jobs = StreamConfig(
        name=settings.stream,
        subjects=settings.subjects,
        retention=RetentionPolicy.WORK_QUEUE,
    )
    dead = StreamConfig(
        name=settings.dead_stream,
        subjects=[settings.dead_subject],
        max_age=DEAD_LETTERS_KEPT_S,
        duplicate_window=DEAD_LETTER_ONCE_S,
    )
    events = StreamConfig(
        name=settings.settled_stream,
        subjects=[settings.settled_subject],
        max_age=EVENTS_KEPT_S,
        max_msgs=EVENTS_KEPT,
        discard=DiscardPolicy.OLD,
        duplicate_window=EVENT_ONCE_S,
    )
    # Whoever reads it from the beginning knows every tag, so nothing leaves it by age.
    tags = StreamConfig(
        name=settings.tags_stream,
        subjects=[settings.tags_subject],
        duplicate_window=TAG_CHANGE_ONCE_S,
    )
    told = [*([events] if settings.events else []), *([tags] if settings.tags else [])]
    return [
        replace(stream, storage=StorageType.FILE, num_replicas=settings.replicas)
        for stream in (jobs, dead, *told)
    ]


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
    if set(taken) != set(settings.subjects):
        # Whatever else it delivers, the worker would reject.
        ours = " and ".join(settings.subjects)
        problems.append(f"it delivers {', '.join(taken)} and not {ours} alone")
    return problems


def _filter(subjects: list[str]) -> dict[str, Any]:
    """A consumer's, as a server before 2.10 knows it too where there is one subject."""
    one, *more = subjects
    return {"filter_subjects": subjects} if more else {"filter_subject": one}


def effective_ack_wait_s(config: ConsumerConfig) -> float:
    """Seconds without a sign of life after which the server redelivers."""
    if config.backoff:
        return min(config.backoff)
    return config.ack_wait or 30  # the server's own default


def subject_problem(info: StreamInfo, wanted: StreamConfig) -> str | None:
    """Why a stream cannot serve, ``None`` if it can."""
    for subject in wanted.subjects or []:
        if not any(covers(pattern, subject) for pattern in info.config.subjects or []):
            return f"the stream {wanted.name} does not take the subject {subject}"
    return None


async def _ensure_stream(
    js: JetStreamContext, wanted: StreamConfig, *, may_create: bool
) -> tuple[StreamInfo, bool]:
    """Returns the stream, and whether it was made."""
    name, is_new = wanted.name or "", False
    try:
        info = await js.stream_info(name)
    except NotFoundError:
        if not may_create:
            raise ConfigurationError(
                f"the stream {name} does not exist; create it or set SOLOFACE_NATS__PROVISION=true"
            ) from None
        try:
            info, is_new = await js.add_stream(wanted), True
        except APIError as error:
            if error.err_code != _NAME_IN_USE:
                raise ConfigurationError(
                    f"the stream {name} cannot be created: {why(error)}"
                ) from error
            info = await js.stream_info(name)  # another worker was quicker
    if problem := subject_problem(info, wanted):
        raise ConfigurationError(problem)
    return info, is_new


async def _ensure_consumer(
    js: JetStreamContext, settings: NatsSettings
) -> tuple[ConsumerInfo, bool]:
    try:
        found: ConsumerInfo = await js.consumer_info(settings.stream, settings.durable)
    except NotFoundError:
        if not settings.provision:
            raise ConfigurationError(
                f"the consumer {settings.durable} does not exist on {settings.stream}; create it "
                "or set SOLOFACE_NATS__PROVISION=true"
            ) from None
    else:
        return found, False
    wanted = ConsumerConfig(
        durable_name=settings.durable,
        **_filter(settings.subjects),
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=settings.ack_wait_s,
        max_ack_pending=settings.max_ack_pending,
        max_deliver=UNLIMITED,
    )
    try:
        return await js.add_consumer(settings.stream, wanted), True
    except APIError as error:
        raise ConfigurationError(
            f"the consumer {settings.durable} cannot be created: {why(error)}"
        ) from error
