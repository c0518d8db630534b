"""The lanes as an operator sees them, and holding the second one back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from nats.js.api import ConsumerInfo

from connectors.jetstream.backfill import SWITCHED_OFF, takes, untaken
from connectors.jetstream.connection import Connection, connect
from connectors.jetstream.consumers import find_consumer
from connectors.jetstream.explaining import explained
from connectors.jetstream.stored import ask
from dataflow.jobs.errors import ConfigurationError
from dataflow.jobs.lane import Lane
from dataflow.settings import NatsSettings

FOR_EVER = timedelta(days=36_525)
"""The server takes no pause without an end."""
_BEGINNING = "1970-01-01T00:00:00Z"
_PAUSES_SINCE = (2, 11)


@dataclass(frozen=True, slots=True)
class LaneState:
    """A lane: jobs that wait for their first delivery, jobs in work, and until when it is paused.

    Without an end, ``paused_until`` is `datetime.max`.
    """

    lane: Lane
    subject: str
    durable: str
    waiting: int
    in_work: int
    paused_until: datetime | None


class Lanes:
    """Those of one stream, seen through an open connection."""

    def __init__(self, connection: Connection, settings: NatsSettings) -> None:
        self._connection = connection
        self._js = connection.jetstream()
        self._settings = settings

    async def states(self) -> list[LaneState]:
        """The lanes that there are.

        Raises:
            ConfigurationError, SystemicError: JetStream does not say.
        """
        settings = self._settings
        with explained("JetStream cannot be asked"):
            found = [
                (lane, await find_consumer(self._js, settings, lane)) for lane in settings.lanes
            ]
        return [self._state(lane, info) for lane, info in found if info]

    async def pause(self, for_: timedelta = FOR_EVER) -> LaneState:
        """Let no job of the second lane through for so long; those in work are finished.

        Raises:
            ConfigurationError: there is no second lane, or the server is too old for a pause.
            SystemicError: JetStream does not do it.
        """
        await self._require_lane()
        version = self._connection.connected_server_version
        if (version.major, version.minor) < _PAUSES_SINCE:
            raise ConfigurationError(
                f"this NATS server, {version.major}.{version.minor}, cannot pause a consumer; "
                "2.11 and later can. Until then, stop whoever publishes to "
                f"{self._settings.backfill_subject}"
            )
        return await self._set((datetime.now(UTC) + for_).isoformat())

    async def resume(self) -> LaneState:
        """Let them through again.

        Raises:
            ConfigurationError: there is no second lane.
            SystemicError: JetStream does not do it.
        """
        await self._require_lane()
        return await self._set(_BEGINNING)

    async def _require_lane(self) -> None:
        settings = self._settings
        if not settings.backfill:
            raise ConfigurationError(f"there is one lane only: {SWITCHED_OFF}")
        with explained("JetStream cannot be asked"):
            if await find_consumer(self._js, settings, Lane.BACKFILL):
                return
            if not takes(await self._js.stream_info(settings.stream), settings):
                raise ConfigurationError(untaken(settings))
        raise ConfigurationError(
            f"the consumer {settings.backfill_durable} is not there on {settings.stream}; "
            "soloface doctor --fix makes it"
        )

    async def _set(self, until: str) -> LaneState:
        settings = self._settings
        consumer = f"{settings.stream}.{settings.backfill_durable}"
        with explained(f"the consumer {settings.backfill_durable} cannot be paused or resumed"):
            await ask(self._connection, f"CONSUMER.PAUSE.{consumer}", {"pause_until": until})
            info: ConsumerInfo = await self._js.consumer_info(
                settings.stream, settings.backfill_durable
            )
        return self._state(Lane.BACKFILL, info)

    def _state(self, lane: Lane, info: ConsumerInfo) -> LaneState:
        return LaneState(
            lane,
            self._settings.subject_of(lane),
            self._settings.durable_of(lane),
            info.num_pending or 0,
            info.num_ack_pending or 0,
            _end(info) if info.paused else None,
        )


def _end(info: ConsumerInfo) -> datetime:
    until = datetime.fromisoformat(info.config.pause_until or "").astimezone(UTC)
    return until if until < datetime.now(UTC) + FOR_EVER / 2 else datetime.max.replace(tzinfo=UTC)


@asynccontextmanager
async def open_lanes(settings: NatsSettings) -> AsyncIterator[Lanes]:
    """Connect.

    Raises:
        ConfigurationError: the credentials are refused.
        SystemicError: no server answers.
    """
    connection = await connect(settings, "soloface lanes")
    try:
        yield Lanes(connection, settings)
    finally:
        await connection.close()
