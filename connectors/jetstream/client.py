"""One connection and one event loop per process, with a synchronous face for worker threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any, TypeAlias, TypeVar

import structlog

from connectors.jetstream.connection import connect
from connectors.jetstream.jobs.confirming import CONFIRM_TIMEOUT_S
from connectors.jetstream.jobs.heartbeat import InFlight
from connectors.jetstream.jobs.isolation import Isolation
from connectors.jetstream.jobs.presence import is_there
from connectors.jetstream.jobs.room import Room
from connectors.jetstream.jobs.settling import Settler
from connectors.jetstream.letters.announcing import Announcer
from connectors.jetstream.letters.telling import Teller
from connectors.jetstream.observing import Observer
from connectors.jetstream.pinging import keep_pinging
from connectors.jetstream.provision import provision
from connectors.jetstream.rights import (
    Need,
    Right,
    missing_rights,
    needed_rights,
    no_second_lane,
)
from connectors.jetstream.upkeep import Upkeep
from dataflow.jobs import custody
from dataflow.jobs.delivery import Delivery
from dataflow.jobs.errors import ConfigurationError, SystemicError
from dataflow.jobs.outcome import Ended, Gone, Retry
from dataflow.process.health import DRAINING, Health
from dataflow.process.kind import Kind
from dataflow.process.reporting import PHOTOS
from dataflow.settings import NatsSettings
from dataflow.tags.change import TagChange

T = TypeVar("T")
log = structlog.get_logger()

Warn: TypeAlias = Callable[..., object]
"""Logs a warning: its event and fields."""

START_TIMEOUT_S = 30
TICK_S = 1


class JetStreamClient:
    """Connected and provisioned from the moment it exists until :meth:`close`."""

    def __init__(
        self,
        settings: NatsSettings,
        health: Health,
        kind: Kind = PHOTOS,
        warn: Warn | None = None,
    ) -> None:
        self._warn = warn or log.warning
        self.settings = settings
        self.kind = kind
        self.health = health
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="nats", daemon=True)
        self._thread.start()
        try:
            self.start(self._open()).result(START_TIMEOUT_S)
        except BaseException:
            self._stop_loop()
            raise

    async def _open(self) -> None:
        self.connection = await connect(self.settings, health=self.health)
        self.js = self.connection.jetstream()
        try:
            missing = await missing_rights(self.connection, self.settings) or []
            denied = no_second_lane(missing)
            if denied:  # a login from before there were two lanes works with one
                self.settings = self.settings.model_copy(update={"backfill": False})
            found = await provision(self.js, self.settings)
            self._require_rights(missing)
        except BaseException:
            await self.connection.close()
            raise
        if why_one := denied or found.one_lane:
            self._warn("one_lane", detail=f"jobs that can wait are not kept apart: {why_one}")
        self.lanes = tuple(found.lanes)
        self.in_flight = InFlight(
            self.connection, found.ack_wait_s, self.settings.stream, self.kind.meters.in_flight
        )
        self.room = Room(
            self.in_flight, self.settings.backfill_durable, self.settings.backfill_share
        )
        self.isolation = Isolation(self.in_flight, self.settings.max_deliver)
        self.settler = Settler(self.connection, self.js, self.in_flight, self.settings)
        self.announcer = Announcer(self.connection, self.settler, self.settings, self.kind)
        given_up = self.settler.given_up
        await given_up.listen(found)
        self.upkeep = Upkeep(self.js, self.settings, self.in_flight, given_up, found)
        self.teller = Teller(self.connection, self.settings, self.upkeep.restore)
        await self.in_flight.listen()
        custody.appoint(self.in_flight)
        observer = Observer(
            self.connection,
            self.settings,
            self.upkeep.restore,
            self.health,
            self.lanes,
            self.kind.meters,
        )
        self._tasks = [
            asyncio.create_task(self.in_flight.beat()),
            asyncio.create_task(self._tick()),
            asyncio.create_task(keep_pinging(self.connection, self.health)),
            asyncio.create_task(observer.run()),
        ]

    def _require_rights(self, missing: Sequence[Right]) -> None:
        """Without them the first outcome would be stored and its job never answered."""
        settings = self.settings
        missing = [right for right in needed_rights(settings) if right in missing]
        needed = [str(right) for right in missing if right.need is Need.ALWAYS]
        if needed:
            without = {
                f"publish to {settings.settled_subject}": "SOLOFACE_NATS__EVENTS=false",
                f"publish to {settings.tags_subject}": "SOLOFACE_NATS__TAGS=false",
            }
            ways_out = [without[right] for right in needed if right in without]
            or_else = f", or set {' and '.join(ways_out)}" if len(ways_out) == len(needed) else ""
            raise ConfigurationError(
                f"this login may not {', '.join(needed)}; allow it in the NATS server's "
                f"permissions{or_else}"
            )
        if wanted := [str(right) for right in missing if right.need is Need.SHOULD]:
            self._warn("rights_missing", rights=wanted)

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine on the connection's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def call_soon(self, call: Callable[[], object]) -> None:
        """Run something short on the connection's loop, without waiting for it."""
        with suppress(RuntimeError):  # the loop has ended, and so has everybody who waited on it
            self._loop.call_soon_threadsafe(call)

    def announce(self, items: Sequence[Ended], model: str) -> None:
        """Publish the events of these outcomes, if any are wanted.

        Raises:
            SystemicError: the stream has not confirmed all of them.
        """
        if items and self.settings.events:
            self.start(self.announcer.announce(items, model)).result(3 * CONFIRM_TIMEOUT_S)

    def tell(self, changes: Sequence[TagChange]) -> None:
        """Publish changes of tags.

        Raises:
            SystemicError: the stream has not confirmed all of them.
        """
        try:
            self.start(self.teller.tell(changes)).result(CONFIRM_TIMEOUT_S + 1)
        except TimeoutError:
            raise SystemicError("NATS is away") from None

    def settle(self, items: Sequence[Ended | Retry]) -> None:
        """Answer deliveries and wait until the server has confirmed."""
        if not items:
            return
        for item in items:
            if isinstance(item, Retry) and item.harmless:
                self.isolation.absolve(item.delivery)
        # Two confirmations each, a dead letter's and the answer's own, and either may be asked for
        # again after a return of the server.
        self.start(self.settler.settle(items)).result(5 * CONFIRM_TIMEOUT_S)

    def let_go(self, items: Sequence[Gone]) -> None:
        """Vouch no more for jobs that somebody else has settled."""
        for item in items:
            self.call_soon(partial(self.in_flight.remove, item.delivery.ack_token))

    def is_there(self, delivery: Delivery) -> bool:
        """Whether the job is still on its stream, as far as the server tells."""
        try:
            return self.start(is_there(self.js, self.settings, delivery)).result(CONFIRM_TIMEOUT_S)
        except TimeoutError:
            return True

    def close(self) -> None:
        """Disconnect; unsettled deliveries come again after the ack wait."""
        self.start(self._close()).result(START_TIMEOUT_S)
        self._stop_loop()
        handed_back, after_s = self.settler.handed_back, self.health.lasts_s(DRAINING)
        if handed_back is not None and after_s is not None:
            log.info(
                "drained",
                handed_back=handed_back,
                unanswered=len(self.in_flight),
                after_s=round(after_s, 1),
            )

    async def _tick(self) -> None:
        while True:
            self.health.tick("nats")
            await asyncio.sleep(TICK_S)

    async def _close(self) -> None:
        custody.dismiss(self.in_flight)
        for task in self._tasks:
            task.cancel()
        await self.connection.close()

    def _stop_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class SharedJetStream:
    """The process's client: made for the first who asks, closed after the last who lets go."""

    def __init__(self, settings: NatsSettings, health: Health, kind: Kind = PHOTOS) -> None:
        self._kind = kind
        self._settings = settings
        self._health = health
        self._lock = threading.Lock()
        self._users = 0
        self._client: JetStreamClient | None = None
        self._last_words: Callable[[], None] = lambda: None
        self._said: list[tuple[str, dict[str, object]]] = []

    def acquire(self) -> JetStreamClient:
        """Take part in the client.

        Raises:
            ConfigurationError, SystemicError: it cannot be made.
        """
        with self._lock:
            if self._client is None:
                self._client = JetStreamClient(
                    self._settings, self._health, self._kind, self._warn_once
                )
            self._users += 1
            return self._client

    def is_there(self, delivery: Delivery) -> bool:
        """Whether a job that this process holds is still on its stream."""
        client = self._client
        return client is None or client.is_there(delivery)

    def is_busy(self) -> bool:
        """Whether this process has jobs in work."""
        client = self._client
        return client is not None and len(client.in_flight) > 0

    @property
    def is_open(self) -> bool:
        """Whether anybody has the client."""
        return self._client is not None

    def tell(self, changes: Sequence[TagChange]) -> None:
        """Publish changes of tags, if that is wanted.

        Raises:
            SystemicError: the stream has not confirmed all of them.
        """
        if not self._settings.tags:
            return
        client = self._client
        if client is None:
            raise SystemicError("there is no connection to NATS")
        client.tell(changes)

    def before_close(self, say: Callable[[], None]) -> None:
        """What is still to be told when the last one lets go."""
        self._last_words = say

    def _warn_once(self, event: str, **fields: object) -> None:
        """The check before the start has a client of its own, which finds the same."""
        if (event, fields) not in self._said:
            self._said.append((event, fields))
            log.warning(event, **fields)

    def release(self) -> None:
        """Let go of it."""
        with self._lock:
            self._users -= 1
            if self._users == 0 and self._client:
                self._last_words()
                self._client.close()
                self._client = None
