"""The platform's side of a test: enrol, upload, publish, and look at what came of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from typing import Any, LiteralString, TypeVar
from uuid import UUID, uuid4

import orjson
import psycopg
from minio import Minio
from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo, RawStreamMsg
from nats.js.errors import NotFoundError
from pgvector.psycopg import register_vector
from psycopg.rows import DictRow, dict_row

from connectors.jetstream.connection import connect as connect_nats
from connectors.jetstream.letters.erasure import our_streams
from connectors.jetstream.provision import provision
from connectors.postgres.connection import Database
from connectors.postgres.gallery.users import Gallery
from dataflow.faces.face import EmbeddedFace, Embedding, FacePack
from dataflow.jobs.delivery import Delivery
from dataflow.jobs.lane import Lane
from dataflow.settings import NatsSettings, Settings
from dataflow.steps.recognition import recognise
from soloface.cli.demo.changes import jpeg
from soloface.cli.demo.people import Person
from tests.patience import PATIENCE_S
from tests.pulling import taken

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo of the platform, and where its image would be."""

    id: UUID
    key: str

    def job(self, **fields: Any) -> bytes:  # noqa: ANN401 - whatever JSON holds
        """The job that asks who is on it."""
        return orjson.dumps(
            {"photo_id": self.id, "image_ref": self.key, "job_id": uuid4(), **fields}
        )


@dataclass(frozen=True, slots=True)
class World:
    """Everything the worker under test talks to."""

    settings: Settings
    pack: FacePack
    store: Minio

    # What the platform does

    def enrol(self, *people: Person) -> dict[str, UUID]:
        """Enrol users by their portraits; returns their ids by name."""
        ids = {}
        with closing(Database(self.settings.database)) as database:
            for person in people:
                face = self.recognise(jpeg(person.portrait()))
                ids[person.name] = uuid4()
                Gallery(database).enrol(ids[person.name], face.embedding, self.pack.contract)
        return ids

    def photo(self, image: bytes | None = None, *, listed: bool = True) -> Photo:
        """Upload a photo and insert its row, each if wanted."""
        return self.photos(image, 1, listed=listed)[0]

    def photos(self, image: bytes | None, count: int, *, listed: bool = True) -> list[Photo]:
        """So many photos that share an image."""
        key = f"photos/{uuid4()}.jpg"
        if image is not None:
            self.upload(key, image)
        made = [Photo(uuid4(), key) for _ in range(count)]
        if listed:
            self.list_photos(made)
        return made

    def upload(self, key: str, image: bytes) -> None:
        self.store.put_object(self.settings.store.bucket, key, BytesIO(image), len(image))

    def list_photos(self, photos: Iterable[Photo]) -> None:
        """Insert their rows."""
        with self.database() as connection:
            rows = [(photo.id,) for photo in photos]
            connection.cursor().executemany("insert into photos (id) values (%s)", rows)

    def publish(
        self, *payloads: bytes, headers: dict[str, str] | None = None, lane: Lane = Lane.LIVE
    ) -> list[int]:
        """Put jobs on the stream; returns their sequences."""

        async def publish(js: JetStreamContext) -> list[int]:
            nats = self.settings.nats
            subject = nats.subject_of(lane)
            return [
                (await js.publish(subject, p, stream=nats.stream, headers=headers)).seq
                for p in payloads
            ]

        return self.with_jetstream(publish)

    def take(self, count: int = 1) -> list[Delivery]:
        """Take jobs off the consumer without an answer, as a worker that dies."""

        async def take(js: JetStreamContext) -> list[Delivery]:
            return await taken(js, self.settings.nats, count)

        return self.with_jetstream(take)

    def answer(self, delivery: Delivery, answer: bytes) -> None:
        """Answer the server, as a worker does."""

        async def send(js: JetStreamContext) -> None:
            await js._nc.request(delivery.ack_token, answer)

        self.with_jetstream(send)

    def hand_back(self, deliveries: Iterable[Delivery]) -> None:
        """Let them come again at once."""

        async def hand_back(js: JetStreamContext) -> None:
            for delivery in deliveries:
                await js._nc.request(delivery.ack_token, b"-NAK")

        self.with_jetstream(hand_back)

    # What came of it

    def recognise(self, image: bytes) -> EmbeddedFace:
        """What the worker must have seen on it."""
        return recognise(image, self.pack, self.settings.images.max_pixels)

    def consumer(self, lane: Lane = Lane.LIVE) -> ConsumerInfo:
        async def look(js: JetStreamContext) -> ConsumerInfo:
            nats = self.settings.nats
            info: ConsumerInfo = await js.consumer_info(nats.stream, nats.durable_of(lane))
            return info

        return self.with_jetstream(look)

    def assert_nothing_is_left(self) -> None:
        """No job waits, none is in work, and the server knows that all before are done."""
        for lane in self.settings.nats.lanes:
            consumer = self.consumer(lane)
            assert (consumer.num_pending, consumer.num_ack_pending) == (0, 0)
            assert consumer.ack_floor is not None
            assert consumer.delivered is not None
            assert consumer.ack_floor.stream_seq == consumer.delivered.stream_seq

    def dead_letters(self) -> list[RawStreamMsg]:
        """All of them, in the order in which they came."""
        return self._stored(self.settings.nats.dead_stream)

    def events(self) -> list[RawStreamMsg]:
        """What was told of settled jobs, in the order in which it was."""
        return self._stored(self.settings.nats.settled_stream)

    def messages(self, stream: str) -> int:
        """How many a stream holds."""

        async def count(js: JetStreamContext) -> int:
            return int((await js.stream_info(stream)).state.messages)

        return self.with_jetstream(count)

    def _stored(self, stream: str) -> list[RawStreamMsg]:
        async def read(js: JetStreamContext) -> list[RawStreamMsg]:
            state = (await js.stream_info(stream)).state
            return [await js.get_msg(stream, seq) for seq in range(1, state.last_seq + 1)]

        return self.with_jetstream(read)

    def database(self) -> psycopg.Connection[DictRow]:
        """A connection in autocommit mode, to be closed."""
        dsn = self.settings.database.dsn.get_secret_value()
        return psycopg.connect(dsn, autocommit=True, row_factory=dict_row)

    @contextmanager
    def locked(self, photo: Photo) -> Iterator[None]:
        """Keep everybody who wants to write about a photo waiting."""
        with self.database() as connection:
            connection.execute("begin")
            connection.execute("select from photos where id = %s for update", [photo.id])
            yield
            with suppress(psycopg.OperationalError):  # a test may have stopped the server
                connection.execute("rollback")

    def someone_waits_for_a_lock(self) -> bool:
        with self.database() as connection:
            return self._activity(connection, "wait_event_type = 'Lock'")

    def someone_is_connected(self) -> bool:
        """Whether a worker is, or its last words are still being read."""
        with self.database() as connection:
            return self._activity(connection, "application_name = 'soloface'")

    @staticmethod
    def _activity(connection: psycopg.Connection[DictRow], condition: LiteralString) -> bool:
        query = "select from pg_stat_activity where datname = current_database() and "
        return connection.execute(query + condition).fetchone() is not None

    def is_empty(self) -> bool:
        """Whether no job waits and none is in work."""
        consumers = [self.consumer(lane) for lane in self.settings.nats.lanes]
        return all(each.num_pending == each.num_ack_pending == 0 for each in consumers)

    def rows(self, table: str) -> dict[UUID, DictRow]:
        """A table's rows by photo: photo_faces, face_matches or face_match_outcomes."""
        key = "photo_id"
        query = f"select * from {table} order by photo_id"  # noqa: S608 - a name of ours
        if table == "face_matches":
            query = (
                "select face_matches.*, photo_id from face_matches "
                "join photo_faces on photo_faces.id = photo_face_id order by photo_id"
            )
        with self.database() as connection:
            register_vector(connection)
            rows = connection.execute(query).fetchall()
        found = {row[key]: row for row in rows}
        assert len(found) == len(rows), f"a photo has more than one row in {table}"
        return found

    def gallery(self) -> dict[UUID, Embedding]:
        """The enrolled users' vectors."""
        with self.database() as connection:
            register_vector(connection)
            enrolled = "select id, face_embedding from users where face_embedding is not null"
            rows = connection.execute(enrolled).fetchall()
        return {row["id"]: row["face_embedding"].to_numpy() for row in rows}

    def with_jetstream(self, work: Callable[[JetStreamContext], Awaitable[T]]) -> T:
        """Do something with streams and consumer, which are made if need be."""

        async def connected() -> T:
            async with jetstream(self.settings.nats) as js:
                await provision(js, self.settings.nats)
                return await work(js)

        return asyncio.run(connected())


def eventually(condition: Callable[[], bool], what: str, timeout_s: float = PATIENCE_S) -> None:
    """Wait for something outside that tells nobody when it happens."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"too late: {what}"
        time.sleep(0.05)


@asynccontextmanager
async def jetstream(settings: NatsSettings) -> AsyncIterator[JetStreamContext]:
    """A connection for a moment."""
    connection = await connect_nats(settings, "test")
    try:
        yield connection.jetstream()
    finally:
        await connection.close()


def drop_streams(settings: NatsSettings) -> None:
    """Leave nothing of a test's streams."""

    async def drop() -> None:
        async with jetstream(settings) as js:
            for stream in our_streams(settings):
                with suppress(NotFoundError):
                    await js.delete_stream(stream)

    asyncio.run(drop())
