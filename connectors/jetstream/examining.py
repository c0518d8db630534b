"""Everything of NATS that would keep a worker from working, found without changing anything."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from nats.js.api import ConsumerInfo, DiscardPolicy, RetentionPolicy, StreamConfig, StreamInfo
from nats.js.errors import NotFoundError

from connectors.jetstream.backfill import SWITCHED_OFF, may_gain, takes, untaken
from connectors.jetstream.connection import Connection, connect
from connectors.jetstream.consumers import consumer_problems, find_consumer
from connectors.jetstream.explaining import DeniedError, explained
from connectors.jetstream.provision import subject_problem, wanted_streams
from connectors.jetstream.rights import Need, Right, gaining, missing_rights, no_second_lane
from connectors.jetstream.stored import stored
from dataflow.jobs.lane import Lane
from dataflow.settings import NatsSettings


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The streams that are wanted, and what there is; ``rights`` are those that are missing.

    ``consumer`` is the live lane's and ``backfill`` the other one's. ``left_since`` is since when
    jobs wait in the other lane that workers of these settings do not take, if there are some.
    """

    settings: NatsSettings
    streams: list[tuple[StreamConfig, StreamInfo | None]]
    consumer: ConsumerInfo | None
    rights: list[Right] | None
    backfill: ConsumerInfo | None = None
    left_since: datetime | None = None

    @property
    def absent(self) -> list[str]:
        """What is not there."""
        streams = [f"the stream {want.name}" for want, info in self.streams if info is None]
        if self.consumer is None:
            streams.append(f"the consumer {self.settings.durable} on {self.settings.stream}")
        return streams

    @property
    def one_lane(self) -> str:
        """Why all jobs go by one lane; empty where there are two, or where nothing is there yet."""
        settings, jobs = self.settings, self.streams[0][1]
        if not settings.backfill or jobs is None or self.consumer is None:
            return ""
        if denied := no_second_lane(self.rights or []):
            return denied
        if not takes(jobs, settings):
            may_not = gaining(settings) in (self.rights or [])
            if may_not or not may_gain(jobs, self.consumer, settings):
                return untaken(settings)
        elif self.backfill:
            return ""
        return (
            f"{settings.backfill_durable} on {settings.stream} is not there; the next worker that "
            "starts makes it where SOLOFACE_NATS__PROVISION allows, and soloface doctor --fix does"
        )

    def problems(self) -> Iterator[str]:
        """What would keep a worker from working."""
        settings = self.settings
        if self.absent and not settings.provision:
            yield (
                f"not there: {', '.join(self.absent)}; soloface doctor --fix makes them, or set "
                "SOLOFACE_NATS__PROVISION=true"
            )
        for wanted, info in self.streams:
            if info and (problem := subject_problem(info, wanted, settings)):
                yield problem
        jobs = self.streams[0][1]
        subjects = (jobs.config.subjects if jobs else None) or []
        for lane, consumer in ((Lane.LIVE, self.consumer), (Lane.BACKFILL, self.backfill)):
            if consumer is None:
                continue
            for problem in consumer_problems(consumer.config, subjects, settings, lane):
                yield f"the consumer {settings.durable_of(lane)}: {problem}"
        makes = bool(self.absent) and settings.provision
        needed = {Need.ALWAYS, *([Need.TO_MAKE] if makes else [])}
        if missing := [str(right) for right in self.rights or [] if right.need in needed]:
            yield f'this login may not {", ".join(missing)} (docs/security.md, "NATS logins")'

    def warnings(self) -> Iterator[str]:
        """What somebody should look at, though a worker could work."""
        for _, info in self.streams:
            if info and (warning := replica_warning(info)):
                yield warning
            if info and info.config.name == self.settings.tags_stream:
                yield from forgetful(info.config)
        if self.absent and self.settings.provision:
            yield (
                f"not there: {', '.join(self.absent)}; the first worker makes them, and "
                "soloface doctor --fix: until then nobody can publish"
            )
        yield from self._of_lanes()
        if self.rights is None:
            yield "the server does not say what this login may do, so that was not examined"
        if wanted := [r for r in self.rights or [] if r.need is Need.SHOULD]:
            lacking = ", ".join(f"{right} ({right.purpose})" for right in wanted)
            yield f"this login should be allowed to {lacking}"

    def _of_lanes(self) -> Iterator[str]:
        if self.consumer and self.consumer.paused:
            yield (
                f"the consumer {self.settings.durable} is paused until "
                f"{self.consumer.config.pause_until}, and gives no worker a job before"
            )
        if self.backfill and self.backfill.paused:
            yield (
                f"the backfill is paused and {self.backfill.num_pending or 0} of its jobs wait; "
                "soloface lanes resume lets them through"
            )
        if self.left_since:
            yield (
                f"jobs have waited on {self.settings.backfill_subject} since "
                f"{self.left_since:%Y-%m-%d %H:%M %Z}, and workers with {SWITCHED_OFF}, as it is "
                "here, take none of them"
            )
        if self.one_lane:
            yield f"jobs that can wait are not kept apart from live ones: {self.one_lane}"


def replica_warning(info: StreamInfo) -> str | None:
    """What to say of a stream that one lost server of a cluster would stop."""
    clustered = bool(info.cluster and info.cluster.name)
    if not clustered or (info.config.num_replicas or 1) > 1:
        return None
    return (
        f"the stream {info.config.name} is kept by one server of the cluster "
        f"{info.cluster and info.cluster.name} alone; SOLOFACE_NATS__REPLICAS is for streams that "
        "are made, nats stream edit --replicas 3 for this one"
    )


def forgetful(config: StreamConfig) -> Iterator[str]:
    """What to say of a stream of tags that lets changes go: a new listener would miss them."""
    drops_old = config.discard != DiscardPolicy.NEW
    limits = {
        "--max-age": (config.max_age or 0) > 0,
        "--max-msgs": drops_old and (config.max_msgs or 0) > 0,
        "--max-bytes": drops_old and (config.max_bytes or 0) > 0,
        "--max-msgs-per-subject": drops_old and (config.max_msgs_per_subject or 0) > 0,
    }
    missed = "so whoever reads the feed from its beginning does not have all tags"
    if held := [f"{option}=-1" for option, holds in limits.items() if holds]:
        yield (
            f"the stream {config.name} has limits and drops old changes, {missed}; "
            f"nats stream edit {config.name} {' '.join(held)}, or let each new listener begin "
            "with a copy of face_matches (docs/tags.md)"
        )
    if config.retention not in {None, RetentionPolicy.LIMITS}:
        yield (
            f"the stream {config.name} has the retention {config.retention} and drops changes "
            f"that were acknowledged, {missed}; delete it and let soloface make it again, then "
            'tell all tags again (docs/events.md, "If the feed is lost")'
        )


async def surroundings(settings: NatsSettings) -> Surroundings:
    """Look at streams, consumer and rights.

    Raises:
        ConfigurationError: the credentials are refused, JetStream is not enabled, or this login may
            not even look.
        SystemicError: NATS or JetStream does not answer.
    """
    connection = await connect(settings, "soloface doctor")
    try:
        with explained("JetStream cannot be asked"):
            rights = await missing_rights(connection, settings)
            streams = [
                (wanted, await _stream(connection, wanted.name or ""))
                for wanted in wanted_streams(settings)
            ]
            js, there = connection.jetstream(), bool(streams[0][1])
            consumer = await find_consumer(js, settings, Lane.LIVE) if there else None
            looks = there and settings.backfill and not no_second_lane(rights or [])
            backfill = await find_consumer(js, settings, Lane.BACKFILL) if looks else None
            left_since = await _left_since(connection, settings, streams[0][1])
    finally:
        await connection.close()
    return Surroundings(settings, streams, consumer, rights, backfill, left_since)


async def _left_since(
    connection: Connection, settings: NatsSettings, jobs: StreamInfo | None
) -> datetime | None:
    """Since when the oldest job of a lane waits that is switched off here."""
    if settings.backfill or jobs is None or not takes(jobs, settings):
        return None
    if jobs.config.retention != RetentionPolicy.WORK_QUEUE:
        return None  # it keeps those that are done, too
    with suppress(DeniedError):
        subject = settings.backfill_subject
        oldest = await stored(connection, settings.stream, 1, or_later=subject)
        return oldest.at if oldest else None
    return None


async def _stream(connection: Connection, name: str) -> StreamInfo | None:
    try:
        return await connection.jetstream().stream_info(name)
    except NotFoundError:
        return None
