"""The platform's side of people by messages: ask, and hear how it ended."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import orjson
from nats.js.errors import NotFoundError

from connectors.jetstream.provision import provision
from dataflow.persons.event import PersonEvent, read
from soloface.cli.demo.changes import jpeg
from soloface.cli.demo.people import Person
from tests.world import World, eventually, jetstream


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a platform asks for something about its people."""

    world: World

    def selfie(self, person: Person, image: bytes | None = None) -> str:
        """Upload a photo of somebody; returns its key."""
        key = f"selfies/{uuid4()}.jpg"
        self.world.upload(key, jpeg(person.portrait()) if image is None else image)
        return key

    def ask(self, user_id: UUID, *keys: str, **fields: Any) -> int:  # noqa: ANN401 - JSON
        """Ask to enrol somebody; returns the sequence."""
        nats = self.world.settings.nats
        payload = orjson.dumps({"user_id": user_id, "image_refs": keys, **fields})
        return self.publish(nats.people_requested_subject, payload)

    def withdraw(self, user_id: UUID, **fields: Any) -> int:  # noqa: ANN401 - JSON
        """Ask to forget somebody; returns the sequence."""
        nats = self.world.settings.nats
        payload = orjson.dumps({"user_id": user_id, **fields})
        return self.publish(nats.people_withdrawn_subject, payload)

    def publish(self, subject: str, payload: bytes) -> int:
        """Put a message on the stream, which is made if need be."""

        async def published() -> int:
            nats = self.world.settings.nats.people
            async with jetstream(nats) as js:
                await provision(js, nats)
                return (await js.publish(subject, payload, stream=nats.stream)).seq

        return asyncio.run(published())

    def events(self) -> list[PersonEvent]:
        """What was told, in the order in which it was."""
        return [read(data) for _, data in self._stored(self.world.settings.nats.people)]

    def event_ids(self) -> list[str]:
        """The ids of what was told."""
        return [found["ce-id"] for found, _ in self._stored(self.world.settings.nats.people)]

    def _stored(self, nats: Any) -> list[tuple[dict[str, str], bytes]]:  # noqa: ANN401
        async def stored() -> list[tuple[dict[str, str], bytes]]:
            async with jetstream(nats) as js:
                try:
                    state = (await js.stream_info(nats.settled_stream)).state
                except NotFoundError:
                    return []
                found = []
                for seq in range(1, state.last_seq + 1):
                    try:
                        message = await js.get_msg(nats.settled_stream, seq)
                    except NotFoundError:
                        continue  # erased with its user
                    found.append((dict(message.headers or {}), message.data or b""))
                return found

        return asyncio.run(stored())

    def event_of(self, seq: int) -> PersonEvent:
        """How a request ended; waits for that."""
        found: list[PersonEvent] = []

        def told() -> bool:
            found.extend(event for event in self.events() if event.stream_seq == seq)
            return bool(found)

        eventually(told, f"the event of request {seq}")
        return found[0]

    def is_enrolled(self, user_id: UUID) -> bool:
        """Whether the user has a vector."""
        return self.world.gallery().get(user_id) is not None

    def left(self) -> int:
        """How many requests wait or are in work."""

        async def look() -> int:
            nats = self.world.settings.nats.people
            async with jetstream(nats) as js:
                info = await js.consumer_info(nats.stream, nats.durable)
                return (info.num_pending or 0) + (info.num_ack_pending or 0)

        return asyncio.run(look())
