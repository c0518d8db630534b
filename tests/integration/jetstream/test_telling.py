"""Changes of tags on the stream: all of a wave, each one confirmed, none twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from nats.js import JetStreamContext

from connectors.embedded import NatsServer
from connectors.jetstream.client import JetStreamClient
from connectors.jetstream.letters.wave import Message, publish_all
from dataflow.jobs.errors import SystemicError
from dataflow.process.health import Health
from dataflow.process.metrics import TAGS_CHANGED
from dataflow.settings import NatsSettings
from dataflow.tags.change import Cause, Change, TagChange, identity
from tests.builders import tag_change
from tests.feed import feed, feed_messages
from tests.fixtures.letters import Letters

WAVE = [tag_change(number, number) for number in range(1, 301)]


@pytest.fixture
def client(letters: Letters) -> Iterator[JetStreamClient]:
    client = JetStreamClient(letters.settings, Health())
    yield client
    client.close()


def drop_the_stream(letters: Letters) -> None:
    async def drop(js: JetStreamContext) -> None:
        await js.delete_stream(letters.settings.tags_stream)

    letters.with_jetstream(drop)


def told(change: Change, cause: Cause) -> float:
    return float(TAGS_CHANGED.labels(change, cause)._value.get())


def test_a_wave_is_on_the_stream_once_however_often_it_is_told(
    letters: Letters, client: JetStreamClient
) -> None:
    before = told(Change.GAINED, Cause.JOB)
    client.tell(WAVE)
    client.tell(WAVE[:100])
    client.tell([tag_change(400, 1, Change.LOST, user_id=None)])

    messages = feed_messages(letters.settings)
    changes = feed(letters.settings)
    assert sorted(change.seq for change in changes) == [*range(1, 301), 400]
    assert changes[-1].seq == 400
    ids = [(message.headers or {})["Nats-Msg-Id"] for message in messages]
    assert ids == [identity(change) for change in changes]
    assert told(Change.GAINED, Cause.JOB) - before == 400


def test_changes_of_a_restored_or_another_database_are_told_though_their_numbers_were_told_before(
    letters: Letters, client: JetStreamClient
) -> None:
    first = tag_change(7, 1)
    restored = replace(first, changed_at=first.changed_at + timedelta(seconds=1))
    elsewhere = tag_change(7, 2)
    for change in (first, restored, elsewhere, restored):
        client.tell([change])
    assert feed(letters.settings) == [first, restored, elsewhere]


def test_without_its_stream_nothing_counts_as_told(
    letters: Letters, client: JetStreamClient
) -> None:
    drop_the_stream(letters)
    before = told(Change.GAINED, Cause.JOB)
    with pytest.raises(SystemicError, match="may this login publish to tags"):
        client.tell(WAVE)
    assert told(Change.GAINED, Cause.JOB) == before


def test_a_stream_that_is_gone_is_made_again_before_the_next_try(
    letters: Letters, client: JetStreamClient
) -> None:
    drop_the_stream(letters)
    with pytest.raises(SystemicError):
        client.tell(WAVE)
    client.tell(WAVE)
    assert len(feed(letters.settings)) == len(WAVE)


def test_a_stream_that_refuses_one_fails_the_wave(
    letters: Letters, client: JetStreamClient
) -> None:
    drop_the_stream(letters)

    async def make(js: JetStreamContext) -> None:
        settings = letters.settings
        await js.add_stream(
            name=settings.tags_stream, subjects=[settings.tags_subject], max_msg_size=1000
        )

    letters.with_jetstream(make)
    with pytest.raises(SystemicError, match="message size exceeds"):
        client.tell([WAVE[0], tag_change(2, 2, by="x" * 1000), WAVE[2]])
    client.tell([WAVE[0], WAVE[2]])
    assert sorted(change.seq for change in feed(letters.settings)) == [1, 3]


def test_a_stream_of_another_name_does_not_take_them(
    letters: Letters, client: JetStreamClient
) -> None:
    subject = letters.settings.tags_subject

    async def refused() -> None:
        await publish_all(client.connection, subject, "ANOTHER", [Message(b"{}", {})])

    with pytest.raises(Exception, match="expected stream does not match"):
        client.start(refused()).result(10)


@pytest.fixture
def own_nats() -> Iterator[NatsServer]:
    with NatsServer() as server:
        yield server


def test_a_server_that_goes_in_the_middle_of_a_wave_fails_it_and_takes_it_afterwards(
    own_nats: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = own_nats
    settings = NatsSettings(url=server.url, user=server.user, password=server.password)
    client = JetStreamClient(settings, Health())
    publish = client.connection.publish
    sent = 0

    async def publish_and_die(*arguments: Any) -> None:  # noqa: ANN401 - the client's own
        nonlocal sent
        sent += 1
        if sent == len(WAVE) // 2:
            server.kill()
        await publish(*arguments)

    monkeypatch.setattr(client.connection, "publish", publish_and_die)
    with pytest.raises(SystemicError, match="NATS is away"):
        client.tell(WAVE)
    with pytest.raises(SystemicError, match="NATS is away"):
        client.tell(WAVE)
    monkeypatch.undo()
    server.start()
    tell_until_it_is_done(client.tell)
    client.close()

    seqs = [change.seq for change in feed(settings)]
    assert sorted(seqs) == [change.seq for change in WAVE]


def tell_until_it_is_done(tell: Callable[[Sequence[TagChange]], None]) -> None:
    while True:
        try:
            tell(WAVE)
        except SystemicError:
            continue
        return
