"""Live jobs at random moments, and how long each one takes from its publication to its event."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

import orjson
from nats.aio.msg import Msg
from psycopg import AsyncConnection

from connectors.jetstream.connection import Connection
from connectors.jetstream.lanes import Lanes
from dataflow.settings import NatsSettings

_PATIENCE_S = 120
_AT_A_TIME = 1000


@dataclass(frozen=True, slots=True)
class Felt:
    """Seconds of a live job from its publication to its event, and of the stages among them."""

    seconds: float
    stages: dict[str, float]

    @property
    def between(self) -> float:
        """Seconds that it spent between stages."""
        return self.seconds - sum(self.stages.values())


class Traffic:
    """A platform's part: it publishes by both lanes and hears the events."""

    def __init__(
        self,
        connection: Connection,
        database: AsyncConnection,
        settings: NatsSettings,
        keys: Sequence[str],
    ) -> None:
        self._connection = connection
        self._js = connection.jetstream()
        self._database = database
        self._settings = settings
        self._keys = keys
        self._published: dict[str, float] = {}
        self._felt: list[Felt] = []
        self._all_heard = asyncio.Event()
        self._random = random.Random(1)  # noqa: S311 - moments, not secrets
        self.others = 0

    async def listen(self) -> None:
        """Hear of every settled job."""
        await self._connection.subscribe(self._settings.settled_subject, cb=self._hear)
        await self._connection.flush()

    async def fill(self, jobs: int) -> None:
        """Publish so many jobs that can wait."""
        done = 0
        while done < jobs:
            some = await self._photos(min(_AT_A_TIME, jobs - done))
            subject = self._settings.backfill_subject
            await asyncio.gather(*(self._js.publish(subject, self._job(photo)) for photo in some))
            done += len(some)

    async def live(self, per_s: float, seconds: float) -> list[Felt]:
        """Publish live jobs at random moments for so long; returns what each felt."""
        photos = await self._photos(int(2 * per_s * seconds) + 10)
        self._felt = []
        end = time.perf_counter() + seconds
        at, number = time.perf_counter(), 0
        while (at := at + self._random.expovariate(per_s)) < end and number < len(photos):
            await asyncio.sleep(at - time.perf_counter())
            photo, number = photos[number], number + 1
            self._all_heard.clear()
            self._published[photo] = time.perf_counter()
            await self._connection.publish(self._settings.subject, self._job(photo))
        if not self._published:
            self._all_heard.set()
        async with asyncio.timeout(_PATIENCE_S):
            await self._all_heard.wait()
        return self._felt

    async def hold_back(self) -> None:
        """Pause the second lane and wait until nothing of it is in work."""
        lanes = Lanes(self._connection, self._settings)
        await lanes.pause()
        async with asyncio.timeout(_PATIENCE_S):
            while (await lanes.states())[-1].in_work:  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(0.05)

    async def let_go(self) -> None:
        """Resume it."""
        await Lanes(self._connection, self._settings).resume()

    async def _photos(self, count: int) -> list[str]:
        photos = [uuid4() for _ in range(count)]
        async with (
            self._database.cursor() as cursor,
            cursor.copy("copy photos (id) from stdin") as copy,
        ):
            for photo in photos:
                await copy.write_row([photo])
        await self._database.commit()
        return [str(photo) for photo in photos]

    def _job(self, photo: str) -> bytes:
        return orjson.dumps({"photo_id": photo, "image_ref": self._random.choice(self._keys)})

    async def _hear(self, message: Msg) -> None:
        at = time.perf_counter()
        event = orjson.loads(message.data)
        photo = event["photo_id"]
        began = self._published.pop(photo, None)
        if began is None:
            self.others += 1
        else:
            self._felt.append(Felt(at - began, event["durations"]))
            if not self._published:
                self._all_heard.set()
