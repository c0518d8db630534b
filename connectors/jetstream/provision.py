"""The streams and the durable consumers: made when absent, checked when there.

Nothing is altered, but that a jobs' stream of our own making gains the second lane's subject.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from nats.js import JetStreamContext
from nats.js.api import (
    ConsumerInfo,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
    StreamInfo,
)
from nats.js.errors import APIError, NotFoundError

from connectors.jetstream.backfill import ensure_backfill
from connectors.jetstream.connection import connect
from connectors.jetstream.consumers import effective_ack_wait_s, ensure_consumer, require_sound
from connectors.jetstream.explaining import explained, why
from connectors.jetstream.subjects import covers
from dataflow.jobs.errors import ConfigurationError
from dataflow.jobs.lane import Lane
from dataflow.settings import NatsSettings

DEAD_LETTERS_KEPT_S = 30 * 24 * 3600
DEAD_LETTER_ONCE_S = 3600
"""A job whose term was lost is buried again within this time at most once."""
EVENTS_KEPT_S = 3 * 24 * 3600
EVENTS_KEPT = 10_000_000
"""Of events the oldest go first: they are news, the outcomes are in the database."""
EVENT_ONCE_S = 600
TAG_CHANGE_ONCE_S = 600
_NAME_IN_USE = 10058
_OVERLAP = 10065


@dataclass(frozen=True, slots=True)
class Provision:
    """What is there: the durable consumer, the jobs' stream; and the names of what was made.

    ``backfill`` is the second lane's consumer; without one ``one_lane`` says why.
    """

    consumer: ConsumerInfo
    jobs: StreamInfo
    made: tuple[str, ...]
    backfill: ConsumerInfo | None = None
    one_lane: str = ""

    @property
    def lanes(self) -> dict[Lane, ConsumerInfo]:
        """The consumer of each lane that there is."""
        live = {Lane.LIVE: self.consumer}
        return live | ({Lane.BACKFILL: self.backfill} if self.backfill else {})

    @property
    def ack_wait_s(self) -> float:
        """Seconds without a sign of life after which some lane's server redelivers."""
        return min(effective_ack_wait_s(consumer.config) for consumer in self.lanes.values())

    def lane(self, wanted: Lane) -> Lane:
        """The lane to publish by: the wanted one, or the live one where there is no other."""
        return wanted if wanted in self.lanes else Lane.LIVE


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
                    js, replace(wanted, first_seq=first_seq), settings
                )
            else:
                _, is_new = await _ensure_stream(js, wanted, settings)
            made += [wanted.name or ""] if is_new else []
        consumer, is_new = await ensure_consumer(js, settings)
        made += [settings.durable] if is_new else []
        # Before a second lane changes what a consumer without a filter would take.
        require_sound(consumer, jobs.config.subjects or [], settings, Lane.LIVE)
        second = await ensure_backfill(js, settings, jobs, consumer)
        made += second.made
    return Provision(consumer, jobs, tuple(made), second.consumer, second.why_not)


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
        subjects=[
            *settings.subjects_of(Lane.LIVE),
            *([settings.backfill_subject] if settings.backfill else []),
        ],
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


def subject_problem(info: StreamInfo, wanted: StreamConfig, settings: NatsSettings) -> str | None:
    """Why a stream cannot serve, ``None`` if it can."""
    for subject in _needed(wanted, settings):
        if not any(covers(pattern, subject) for pattern in info.config.subjects or []):
            return f"the stream {wanted.name} does not take the subject {subject}"
    return None


def _needed(wanted: StreamConfig, settings: NatsSettings) -> list[str]:
    """Its subjects but that of the second lane, which a stream may do without."""
    optional = settings.backfill_subject if settings.backfill else None
    return [subject for subject in wanted.subjects or [] if subject != optional]


async def _add_stream(
    js: JetStreamContext, wanted: StreamConfig, settings: NatsSettings
) -> StreamInfo:
    """Make it; without the second lane's subject where another stream has that."""
    try:
        return await js.add_stream(wanted)
    except APIError as error:
        needed = _needed(wanted, settings)
        if error.err_code != _OVERLAP or needed == wanted.subjects:
            raise
        return await js.add_stream(replace(wanted, subjects=needed))


async def _ensure_stream(
    js: JetStreamContext, wanted: StreamConfig, settings: NatsSettings
) -> tuple[StreamInfo, bool]:
    """Returns the stream, and whether it was made."""
    name, is_new = wanted.name or "", False
    try:
        info = await js.stream_info(name)
    except NotFoundError:
        if not settings.provision:
            raise ConfigurationError(
                f"the stream {name} does not exist; create it or set SOLOFACE_NATS__PROVISION=true"
            ) from None
        try:
            info, is_new = await _add_stream(js, wanted, settings), True
        except APIError as error:
            if error.err_code != _NAME_IN_USE:
                raise ConfigurationError(
                    f"the stream {name} cannot be created: {why(error)}"
                ) from error
            info = await js.stream_info(name)  # another worker was quicker
    if problem := subject_problem(info, wanted, settings):
        raise ConfigurationError(problem)
    return info, is_new
