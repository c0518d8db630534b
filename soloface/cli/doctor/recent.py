"""Images that are likely to be there: those of photos that were seen lately."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import orjson
from nats.errors import Error as NatsError

from connectors.jetstream.connection import connect
from connectors.postgres.photos.read_lately import read_lately
from dataflow.jobs.errors import SolofaceError
from dataflow.settings import NatsSettings, Settings


def recent_images(settings: Settings) -> Iterator[tuple[str, str]]:
    """Whose image it is, and its reference; those first that could be read before."""
    for ref in read_lately(settings):
        yield "a photo whose face is recorded", ref.in_full
    nats = settings.nats
    for whose, stream, subject in (
        ("the newest job that waits", nats.stream, nats.subject),
        ("the newest dead letter", nats.dead_stream, nats.dead_subject),
    ):
        if image_ref := asyncio.run(_last(nats, stream, subject)):
            yield whose, image_ref


async def _last(settings: NatsSettings, stream: str, subject: str) -> str | None:
    """The image that the last message names, if there is one that does."""
    try:
        connection = await connect(settings, "soloface doctor")
        try:
            message = await connection.jetstream().get_last_msg(stream, subject)
        finally:
            await connection.close()
        image_ref = orjson.loads(message.data or b"")["image_ref"]
    except (SolofaceError, NatsError, TimeoutError, ValueError, KeyError, TypeError):
        return None
    return image_ref if isinstance(image_ref, str) else None
