"""What was told of a user before they withdrew goes, whichever stream the requests came by."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import orjson
from nats.js.errors import NotFoundError

from connectors.erasing import erase_told
from connectors.jetstream.letters.letter import seal
from connectors.jetstream.provision import provision
from dataflow.persons.ended import PersonSettled, event_of
from dataflow.persons.event import body, headers, read
from dataflow.persons.order import Moment
from dataflow.persons.reason import PersonReason
from dataflow.persons.request import EnrolRequest
from dataflow.settings import NatsSettings
from tests.builders import PUBLISHED, delivery
from tests.world import jetstream

MADE_AGAIN = PUBLISHED + timedelta(days=1)
TOLD = [(7, PUBLISHED), (8, PUBLISHED), (1, MADE_AGAIN), (2, MADE_AGAIN), (3, MADE_AGAIN)]
"""The requests of an old stream, and those of the one that was made in its place."""
WITHDRAWN = Moment(2, MADE_AGAIN)


def told(nats: NatsSettings, user: UUID) -> None:
    """An event and a dead letter of each."""

    async def publish() -> None:
        queue = nats.people
        async with jetstream(queue) as js:
            await provision(js, queue)
            for seq, at in TOLD:
                job = EnrolRequest(user, ["1.jpg"])
                data = orjson.dumps({"user_id": user})
                came = delivery(data, seq=seq, published_at=at)
                item = PersonSettled(came, job, PersonReason.WRITE_REJECTED)
                event = event_of(item, queue.stream, "made-up", at)
                await js.publish(queue.settled_subject, body(event), headers=headers(event))
                payload, written = seal(item, queue.stream, 1_000_000)
                await js.publish(queue.dead_subject, payload, headers=written)

    asyncio.run(publish())


def left(nats: NatsSettings) -> tuple[list[tuple[int, datetime]], int]:
    """Of which requests events are left, and how many letters are."""

    async def look() -> tuple[list[tuple[int, datetime]], int]:
        async with jetstream(nats) as js:
            info = await js.stream_info(nats.people_settled_stream)
            found = []
            for seq in range(1, info.state.last_seq + 1):
                with suppress(NotFoundError):  # it was erased
                    event = read((await js.get_msg(nats.people_settled_stream, seq)).data or b"")
                    found.append((event.stream_seq, event.published_at))
            return found, (await js.stream_info(nats.people_dead_stream)).state.messages

    return asyncio.run(look())


def test_what_an_old_stream_told_goes_although_its_requests_have_higher_numbers(
    nats_settings: NatsSettings,
) -> None:
    user = uuid4()
    told(nats_settings, user)

    gone = erase_told(nats_settings, user, WITHDRAWN)

    assert gone[nats_settings.people_settled_stream] == 3
    assert gone[nats_settings.people_dead_stream] == 3
    assert left(nats_settings) == ([(2, MADE_AGAIN), (3, MADE_AGAIN)], 2)
