"""The feed of tag changes from a listener's side, beside the table that it is about."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from uuid import UUID

import psycopg
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig
from pydantic import TypeAdapter

from connectors.jetstream.letters.telling import Teller
from connectors.postgres.connection import Database
from connectors.postgres.tags.outbox import Outbox
from dataflow.settings import DatabaseSettings, NatsSettings
from dataflow.tags.change import TagChange, Tags, replayed
from tests.patience import PATIENCE_S
from tests.pulling import connection_of
from tests.world import eventually, jetstream

_WINDOW = 500
_CHANGE = TypeAdapter(TagChange)
_TAGS = "select on_photo_id, on_face_index, user_id, confidence from face_matches"


def told_so_far(settings: NatsSettings) -> int:
    """How many changes are on the stream."""

    async def count() -> int:
        async with jetstream(settings) as js:
            return int((await js.stream_info(settings.tags_stream)).state.last_seq)

    return asyncio.run(count())


def feed_messages(settings: NatsSettings) -> list[Msg]:
    """Everything on the stream, in its order, as a consumer gets it."""

    async def read() -> list[Msg]:
        async with jetstream(settings) as js:
            left = (await js.stream_info(settings.tags_stream)).state.messages
            consumer = await js.pull_subscribe(
                settings.tags_subject,
                stream=settings.tags_stream,
                config=ConsumerConfig(ack_policy=AckPolicy.NONE),
            )
            found: list[Msg] = []
            while len(found) < left:
                found += await consumer.fetch(min(_WINDOW, left - len(found)), timeout=PATIENCE_S)
            return found

    return asyncio.run(read())


def feed(settings: NatsSettings) -> list[TagChange]:
    """All changes that were told."""
    return [parsed(message) for message in feed_messages(settings)]


def parsed(message: Msg) -> TagChange:
    return _CHANGE.validate_json(message.data)


def tags_now(dsn: str) -> Tags:
    """What a listener shall know."""
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(_TAGS).fetchall()
    tags: Tags = {(photo, face): (user, distance) for photo, face, user, distance in rows}
    assert len(tags) == len(rows), "a face has two tags"
    return tags


def untold(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        (count,) = connection.execute("select count(*) from face_outbox").fetchone() or (0,)
    return int(count)


def tell_the_rest(nats: NatsSettings, database: DatabaseSettings) -> None:
    """Tell what dead workers have left behind."""

    async def published(changes: Sequence[TagChange]) -> None:
        async with jetstream(nats) as js:
            await Teller(connection_of(js), nats).tell(changes)

    with closing(Database(database)) as own:
        outbox = Outbox(own)
        eventually(
            lambda: outbox.wave(lambda changes: asyncio.run(published(changes))) == (),
            "the rest is told",
        )


def feed_problems(nats: NatsSettings, database: DatabaseSettings) -> Iterator[str]:
    """What a listener would have wrong by now, a sentence each."""
    tell_the_rest(nats, database)
    changes = feed(nats)
    heard, true = replayed(changes), tags_now(database.dsn.get_secret_value())
    for photo, face in heard.keys() | true.keys():
        told, stored = heard.get((photo, face)), true.get((photo, face))
        if told != stored:
            yield f"face {face} of photo {photo} is told as {told} and is {stored}"
    last: dict[UUID, int] = {}
    for change in changes:
        if change.seq < last.get(change.photo_id, 0):
            yield f"change {change.seq} of photo {change.photo_id} was overtaken"
        last[change.photo_id] = change.seq


def assert_in_order(changes: Sequence[TagChange]) -> None:
    """No photo's change has overtaken another one of it."""
    of_photo = defaultdict[UUID, list[int]](list)
    for change in changes:
        of_photo[change.photo_id].append(change.seq)
    for seqs in of_photo.values():
        assert seqs == sorted(seqs)


def assert_the_feed_is_true(nats: NatsSettings, dsn: str) -> list[TagChange]:
    """Once all is told, the feed says what the table says, in order and without repeats."""
    eventually(lambda: untold(dsn) == 0, "everything is told")
    changes = feed(nats)
    assert_in_order(changes)
    assert len({change.seq for change in changes}) == len(changes)
    assert replayed(changes) == tags_now(dsn)
    return changes
