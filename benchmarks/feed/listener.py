"""A platform that changes tags and hears of it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from statistics import quantiles
from uuid import UUID

import orjson
import psycopg
from nats.aio.msg import Msg

from benchmarks.stage import Queue, environment
from connectors.jetstream.connection import connect
from dataflow.settings import NatsSettings, load_settings

_PAUSE_S = 0.05
_PATIENCE_S = 60


class Listener:
    """Notes when which change came, by its photo and its distance."""

    def __init__(self, settings: NatsSettings) -> None:
        self._settings = settings
        self._changed = threading.Condition()
        self._came: dict[tuple[UUID, float | None], float] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()
        self._run(self._subscribe())

    def stop(self) -> None:
        """Listen no more."""
        self._run(self._connection.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def wait(self, photo_id: UUID, distance: float | None) -> float:
        """When the change came, by this process' clock; ``None``: the tag is lost."""
        change = (photo_id, distance)
        with self._changed:
            self._changed.wait_for(lambda: change in self._came, _PATIENCE_S)
            return self._came.pop(change)

    async def _subscribe(self) -> None:
        self._connection = await connect(self._settings, "benchmark")
        await self._connection.subscribe(self._settings.tags_subject, cb=self._take)
        await self._connection.flush()

    async def _take(self, message: Msg) -> None:
        at = time.perf_counter()
        told = orjson.loads(message.data)
        with self._changed:
            self._came[UUID(told["photo_id"]), told["distance"]] = at
            self._changed.notify_all()

    def _run(self, work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE_S)  # type: ignore[arg-type]


@contextmanager
def listening(queue: Queue) -> Iterator[Listener]:
    """A listener on the feed of a queue's workers."""
    with environment(queue.variables):
        listener = Listener(load_settings().nats)
    listener.start()
    try:
        yield listener
    finally:
        listener.stop()


def latencies(
    connection: psycopg.Connection, listener: Listener, photos: list[UUID]
) -> list[float]:
    """Seconds from the commit of a photo's change to its event, photo by photo."""
    found = []
    random = Random()  # noqa: S311 - not a secret; no change may look like an earlier one
    for photo_id in photos:
        distance = random.random()
        connection.execute(
            "update face_matches set confidence = %s where on_photo_id = %s", [distance, photo_id]
        )
        committed = time.perf_counter()
        found.append(listener.wait(photo_id, distance) - committed)
        # Not in step with those who look every so often.
        time.sleep(_PAUSE_S * random.random())
    return found


def percentiles(seconds: list[float]) -> tuple[float, float]:
    """The 50th and the 99th, in milliseconds."""
    cuts = quantiles(seconds, n=100, method="inclusive")
    return 1000 * cuts[49], 1000 * cuts[98]
