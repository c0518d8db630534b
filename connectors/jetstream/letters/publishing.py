"""Putting jobs on the stream, each one confirmed."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from nats.js import JetStreamContext

from connectors.jetstream.explaining import explained
from dataflow.settings import NatsSettings


async def send(
    js: JetStreamContext,
    job: Mapping[str, object],
    settings: NatsSettings,
    subject: str | None = None,
) -> bool:
    """Publish a job under its ``job_id``; returns whether the stream had it already.

    By default it is a live one.

    Raises:
        ConfigurationError: this login may not publish it.
        SystemicError: the stream does not take it.
    """
    headers = {"Nats-Msg-Id": str(job["job_id"])}
    with explained(f"the stream {settings.stream} did not take the job"):
        stored = await js.publish(
            subject or settings.subject, orjson.dumps(job), stream=settings.stream, headers=headers
        )
    return bool(stored.duplicate)
