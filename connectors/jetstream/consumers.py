"""The durable consumers, one for each lane: made when absent, checked when there, never altered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, ConsumerInfo
from nats.js.errors import APIError, NotFoundError

from connectors.jetstream.explaining import why
from dataflow.jobs.errors import ConfigurationError
from dataflow.jobs.lane import Lane
from dataflow.settings import NatsSettings

UNLIMITED = -1


def consumer_problems(
    config: ConsumerConfig,
    stream_subjects: Sequence[str],
    settings: NatsSettings,
    lane: Lane = Lane.LIVE,
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
    taken = filters(config) or list(stream_subjects)
    ours = settings.subjects_of(lane)
    if sorted(taken) != sorted(ours):
        # Whatever else it delivers, the worker would reject.
        problems.append(f"it delivers {', '.join(taken)} and not {' and '.join(ours)} alone")
    return problems


def filters(config: ConsumerConfig) -> list[str]:
    """The subjects that it names; none: it takes everything on its stream."""
    return config.filter_subjects or ([config.filter_subject] if config.filter_subject else [])


def _filter(subjects: list[str]) -> dict[str, Any]:
    """A consumer's, as a server before 2.10 knows it too where there is one subject."""
    one, *more = subjects
    return {"filter_subjects": subjects} if more else {"filter_subject": one}


def require_sound(
    consumer: ConsumerInfo, stream_subjects: Sequence[str], settings: NatsSettings, lane: Lane
) -> None:
    """Refuse a consumer that would lose jobs.

    Raises:
        ConfigurationError: it would; the message says how and what to do.
    """
    if problems := consumer_problems(consumer.config, stream_subjects, settings, lane):
        name = "DURABLE" if lane is Lane.LIVE else "BACKFILL_DURABLE"
        raise ConfigurationError(
            f"the consumer {settings.durable_of(lane)} on {settings.stream} would lose jobs: "
            + "; ".join(problems)
            + f"; delete it and let soloface make it again, or name another (SOLOFACE_NATS__{name})"
        )


def effective_ack_wait_s(config: ConsumerConfig) -> float:
    """Seconds without a sign of life after which the server redelivers."""
    if config.backoff:
        return min(config.backoff)
    return config.ack_wait or 30  # the server's own default


async def find_consumer(
    js: JetStreamContext, settings: NatsSettings, lane: Lane
) -> ConsumerInfo | None:
    """A lane's consumer, ``None`` if there is none.

    Raises:
        nats.errors.Error, TimeoutError: nobody says.
    """
    try:
        found: ConsumerInfo = await js.consumer_info(settings.stream, settings.durable_of(lane))
    except NotFoundError:
        return None
    return found


async def ensure_consumer(
    js: JetStreamContext, settings: NatsSettings, lane: Lane = Lane.LIVE
) -> tuple[ConsumerInfo, bool]:
    """Returns a lane's consumer, and whether it was made.

    Raises:
        ConfigurationError: there is none, and it may not be made.
    """
    name = settings.durable_of(lane)
    if found := await find_consumer(js, settings, lane):
        return found, False
    if not settings.provision:
        raise ConfigurationError(
            f"the consumer {name} does not exist on {settings.stream}; create it "
            "or set SOLOFACE_NATS__PROVISION=true"
        )
    wanted = ConsumerConfig(
        durable_name=name,
        **_filter(settings.subjects_of(lane)),
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=settings.ack_wait_s,
        max_ack_pending=settings.max_ack_pending,
        max_deliver=UNLIMITED,
    )
    try:
        return await js.add_consumer(settings.stream, wanted), True
    except APIError as error:
        raise ConfigurationError(f"the consumer {name} cannot be created: {why(error)}") from error
